"""What crosses the line between an ATS and a job board. Pure, and used by both ends: no I/O, no clock."""
