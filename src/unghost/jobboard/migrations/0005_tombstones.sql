-- What is left of applicants who were erased (spec R20): that an application's number, or a name in the job board's own
-- back end, was erased, for who knows it and has the board's secret key. Nobody's data (docs/decisions/erasure.md).

CREATE TABLE jobboard.tombstone (
    -- HMAC-SHA256, see tombstones.py.
    digest    bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    erased_at timestamptz NOT NULL
);
