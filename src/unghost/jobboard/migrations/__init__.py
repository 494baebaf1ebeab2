"""The job board's tables: files NNNN_name.sql, applied in order, and schema.sql, the sum of them (`make schema`)."""
