"""Which reports are sent: each (application, act) once, known from its number alone, so that it can be checked."""

from __future__ import annotations

from dataclasses import dataclass

from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, VIEWED

ACTIONS = (VIEWED, DOWNLOADED, REJECTED)
#: Applications of one applicant; consecutive numbers.
PER_APPLICANT = 12
#: The first application's number, of eight digits like all the others.
FIRST = 10_000_001
#: One report in so many is about an applicant whose page is open.
_WATCHED_EACH = 10


@dataclass(frozen=True)
class Reports:
    """A series of reports about `applications`, the nth performed n milliseconds after `since` (since the epoch).

    `watched` is 0: all three acts of every application, the acts of one application far apart. Otherwise only views,
    each of which makes a mail, every tenth of them about one of the first `watched` applicants in turn.
    """

    applications: int
    since: int
    watched: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        if self.watched:
            return min(self.watched * PER_APPLICANT * _WATCHED_EACH, self.applications - self.watched * PER_APPLICANT)
        return self.applications * len(ACTIONS)

    def what(self, nth: int) -> tuple[int, int]:
        """The application's number and the place of the act in ACTIONS."""
        if self.watched:
            if nth % _WATCHED_EACH == 0:
                turn, applicant = divmod(nth // _WATCHED_EACH, self.watched)
                return FIRST + applicant * PER_APPLICANT + turn, 0
            return FIRST + self.watched * PER_APPLICANT + nth - nth // _WATCHED_EACH - 1, 0
        application, act = divmod(nth, len(ACTIONS))
        return FIRST + (application + act * self.applications // len(ACTIONS)) % self.applications, act

    def applicant(self, nth: int) -> int | None:
        """Which of the watched applicants it is about, if it is about one."""
        return nth // _WATCHED_EACH % self.watched if self.watched and nth % _WATCHED_EACH == 0 else None

    def body(self, nth: int, organization: int) -> str:
        """The report as JSON."""
        application, act = self.what(nth)
        return (
            f'{{"jobApplicationId":"urn:li:jobApplication:{application}","action":"{ACTIONS[act]}",'
            f'"performedAt":{self.since + nth},"integrationContext":"urn:li:organization:{organization}"}}'
        )
