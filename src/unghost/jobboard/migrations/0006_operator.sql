-- What operators look at and put back (spec R42). Each index holds few rows, and none that a report or a page writes.

-- When an operator put a mail back that had been given up: its patience counts from then.
ALTER TABLE jobboard.notice ADD COLUMN redriven_at timestamptz;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX notice_undeliverable ON jobboard.notice (action_id) WHERE reason = 'undeliverable';

-- What a dispatcher has told, for its lateness. A page's notice that the commit told has told_at = due_at.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX notice_told_late ON jobboard.notice (told_at) WHERE told_at > due_at;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX delivery_failed ON jobboard.delivery (application_number) WHERE state = 'failed';
