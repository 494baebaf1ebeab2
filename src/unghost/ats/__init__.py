"""THE END THAT REPORTS: what an ATS uses to tell job boards, LinkedIn or any unghost board, what its recruiters do.

These are all the public names. Recording needs nothing but this package; importing it loads no web framework and no
database driver (spec R29).
"""

from __future__ import annotations

from unghost.ats.activity import (
    Activity,
    Kind,
    RecordError,
    candidate_withdrew,
    rejected,
    resume_displayed,
    resume_downloaded,
    unrejected,
    viewed,
)
from unghost.ats.record import Recorded, record

__all__ = [
    "Activity",
    "Kind",
    "RecordError",
    "Recorded",
    "candidate_withdrew",
    "record",
    "rejected",
    "resume_displayed",
    "resume_downloaded",
    "unrejected",
    "viewed",
]
