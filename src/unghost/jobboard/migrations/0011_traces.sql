-- The W3C traceparent of the report, so that telling it goes on with its trace (spec R41); NULL where nothing is traced.
ALTER TABLE jobboard.action ADD COLUMN traceparent text;
