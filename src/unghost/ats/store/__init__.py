"""Every SQL statement of the ATS's end, one module for each who asks. They run in the ATS's own database."""
