"""What fits the ATS's end into frameworks, one module for each: loaded by who names it, never by `unghost.ats`."""
