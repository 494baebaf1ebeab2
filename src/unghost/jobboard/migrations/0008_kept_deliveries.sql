-- An application that comes while its job is off-site is kept as a delivery that failed without ever being sent, so that
-- it goes to the ATS when the job is turned on-site (spec R28). It was: CHECK (state <> 'failed' OR failures > 0).
-- squawk-ignore ban-drop-constraint
ALTER TABLE jobboard.delivery DROP CONSTRAINT delivery_check2;
