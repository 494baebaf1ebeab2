-- In a transaction of its own, so that nobody waits for the check.
ALTER TABLE jobboard.job VALIDATE CONSTRAINT job_webhook;
