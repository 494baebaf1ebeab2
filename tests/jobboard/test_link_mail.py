"""Nobody can flood a mailbox with sign-in links (spec R24)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from unghost.jobboard.links import LINK_LIFE
from unghost.jobboard.web.link_mail import MOST_LINKS, Few

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_person_gets_a_few_links_while_one_works_and_others_are_not_counted() -> None:
    few = Few()
    asked = [few.may_mail(1, NOW + n * SECOND) for n in range(MOST_LINKS + 2)]
    assert asked == [True] * MOST_LINKS + [False] * 2
    assert few.may_mail(2, NOW + 10 * SECOND)
    assert not few.may_mail(1, NOW + LINK_LIFE - SECOND)
    assert few.may_mail(1, NOW + LINK_LIFE)
    assert not few.may_mail(1, NOW + LINK_LIFE)
