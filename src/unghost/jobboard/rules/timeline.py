"""What a page may show of one application, in the order in which it happened (spec R16, R18).

Pure. A notice that is told is shown; one that is waiting is shown as soon as it may be told, so that pages are right
even while no dispatcher runs. Must not know how rows are read or how a page looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from unghost.jobboard.rules.plan import Standing, State, objection
from unghost.jobboard.rules.policy import Place, Policy


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notice of one application at one page, as stored, with the `performed_at` of its action.

    `consent`: whether the customer's consent stands, and has stood ever since this was reported (spec R15).
    """

    action: str
    place: Place
    state: State
    due_at: datetime
    performed_at: datetime
    consent: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that happened to an application, as its applicant sees it."""

    action: str
    performed_at: datetime


def timeline(
    noticed: Iterable[Noticed], *, decided_at: datetime | None, now: datetime, policy: Policy
) -> tuple[Stop, ...]:
    """The stops of one application at one place, oldest first; the last one is its status.

    `decided_at`: when the decision that the applicant has been told was performed.
    Order is by `performed_at`, however late or mixed up the reports came (spec R18). What the board made itself, the
    submission, comes first: nothing can happen to an application before it is there, whatever an ATS's clock says.
    """
    rank = {action: nth for nth, action in enumerate(policy)}

    def order(stop: Stop) -> tuple[bool, datetime, int]:
        rule = policy.get(stop.action)
        return (rule is None or not rule.by_board, stop.performed_at, rank.get(stop.action, len(rank)))

    shown = [Stop(n.action, n.performed_at) for n in noticed if _may_be_shown(n, decided_at, now, policy)]
    return tuple(sorted(shown, key=order))


def _may_be_shown(notice: Noticed, decided_at: datetime | None, now: datetime, policy: Policy) -> bool:
    if notice.state is State.TOLD:
        return True
    # Fail closed (spec R16): withheld, still held, or without a row in the policy means not shown.
    if notice.state is not State.WAITING or notice.due_at > now or notice.action not in policy:
        return False
    standing = Standing(
        action=notice.action,
        place=notice.place,
        performed_at=notice.performed_at,
        due_at=notice.due_at,
        consent=notice.consent,
        decided_at=decided_at,
        # What applicants choose and what became of their address is about mail alone.
        viewed_mails=True,
        status_mails=True,
        mail_suppressed=False,
    )
    return objection(standing, now, policy) is None
