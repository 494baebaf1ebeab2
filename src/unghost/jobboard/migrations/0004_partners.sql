-- What partners set up for their customers and post for them (spec R25, R27), and how much each may report (spec R12).

-- As the partner provisioned it; `integration_name` is what it calls the integration with the customer it has by then.
ALTER TABLE jobboard.oauth_application
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN callback_urls text[] NOT NULL DEFAULT '{}',
    ADD COLUMN integration_name text;

-- How much of its limits a child application has used up, as far as the processes have borrowed of it.
CREATE TABLE jobboard.allowance (
    oauth_application_id bigint PRIMARY KEY REFERENCES jobboard.oauth_application ON DELETE CASCADE,
    -- When the bucket is full again, should nothing more be taken.
    full_at              timestamptz NOT NULL,
    -- The day, by UTC, and how many reports have been borrowed on it.
    day                  date NOT NULL,
    used                 bigint NOT NULL CHECK (used >= 0)
);

-- One element of a batch of simpleJobPostings that was taken; urn:li:simpleJobPostingTask:<id>.
-- Whether it has succeeded is read from the job, not kept here.
CREATE TABLE jobboard.job_posting_task (
    id                   uuid PRIMARY KEY,
    oauth_application_id bigint NOT NULL REFERENCES jobboard.oauth_application ON DELETE CASCADE,
    job_id               bigint NOT NULL REFERENCES jobboard.job ON DELETE CASCADE,
    operation            text NOT NULL CHECK (operation IN ('CREATE', 'UPDATE', 'CLOSE')),
    created_at           timestamptz NOT NULL
);
CREATE INDEX job_posting_task_created_at ON jobboard.job_posting_task (created_at);
