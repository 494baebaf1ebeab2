"""Every SQL statement of the job board's end, one module for each who asks. Must not decide anything."""
