"""The ATS's own migrations."""
