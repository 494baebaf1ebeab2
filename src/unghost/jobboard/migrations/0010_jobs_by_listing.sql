-- Open jobs are listed newest first, a page at a time. One build, while jobs can be read and not written.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX job_open ON jobboard.job (listed_at, id) WHERE closed_at IS NULL;
