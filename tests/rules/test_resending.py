"""Six re-sends with growing waits; three failed challenges in a row block (spec R28)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from unghost.jobboard.rules.resending import RESENDS, challenge_after, resend_after


def test_an_application_is_sent_again_six_times_with_growing_waits() -> None:
    waits = [resend_after(failures) for failures in range(1, 8)]
    assert waits == [*RESENDS, None] and len(RESENDS) == 6
    assert all(earlier < later for earlier, later in pairwise(RESENDS))
    assert timedelta(hours=8) < sum(RESENDS, timedelta(0)) < timedelta(hours=24)


def test_a_webhook_is_blocked_by_the_third_failure_in_a_row() -> None:
    assert [challenge_after(n, passed_before=True) for n in (1, 2, 3)] == [timedelta(hours=2)] * 2 + [None]
    first = [challenge_after(n, passed_before=False) for n in (1, 2, 3)]
    assert first == [timedelta(minutes=1), timedelta(hours=1), None]
