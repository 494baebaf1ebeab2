"""When an application is sent again, and when a webhook is challenged again (spec R28). Pure."""

from __future__ import annotations

from datetime import timedelta

#: The waits before the six re-sends: growing, and together longer than a night, so that an ATS may be down for one.
RESENDS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
)
#: Between two challenges of a webhook that passed before.
EVERY = timedelta(hours=2)
#: Failures in a row that block a webhook.
BLOCKS = 3
#: Before a webhook that never passed is challenged again: whoever sets it up is watching.
_FIRST = (timedelta(minutes=1), timedelta(hours=1))


def resend_after(failures: int) -> timedelta | None:
    """The wait after this many sends that failed; None: it was the last one."""
    return RESENDS[failures - 1] if failures <= len(RESENDS) else None


def challenge_after(failures: int, *, passed_before: bool) -> timedelta | None:
    """The wait after this many challenges that failed in a row; None: the webhook is blocked."""
    if failures >= BLOCKS:
        return None
    return EVERY if passed_before else _FIRST[failures - 1]
