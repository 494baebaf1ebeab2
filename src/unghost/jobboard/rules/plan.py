"""A report, the customer's consent, the policy and `now` -> its notices, each told, waiting or withheld with a reason.

Pure. Must not know how anything is stored or delivered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from unghost.jobboard.rules.policy import PAGES, VIEWED, Place, Policy, Rule


class State(StrEnum):
    """What has become of a notice.

    Nothing leaves TOLD. WITHHELD leaves only what was being told as it was taken back, and a mail that was given up and
    is put back by an operator (spec R42).
    """

    WAITING = "waiting"
    TOLD = "told"
    WITHHELD = "withheld"


class Reason(StrEnum):
    """Why a notice is withheld (spec R17)."""

    NO_CONSENT = "no_consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ALREADY_TOLD = "already_told"
    AFTER_DECISION = "after_decision"
    WITHDRAWN = "withdrawn"
    TURNED_OFF = "turned_off"
    ADDRESS_SUPPRESSED = "address_suppressed"
    UNDELIVERABLE = "undeliverable"
    HOLD_UNREADABLE = "hold_unreadable"


class Facts(Struct, frozen=True):
    """What is known of an application when a report about it is judged.

    `holds`: the customer's own, action -> seconds, as stored (it is not trusted to be readable).
    `spoken_for`: the (action, place) that are told already or waiting to be.
    `decided_at`: when the decision that the applicant has been told was performed, if one has been told.
    """

    consent: bool
    holds: Mapping[str, object]
    spoken_for: frozenset[tuple[str, str]] = frozenset()
    decided_at: datetime | None = None


class Planned(Struct, frozen=True):
    """A notice as it is to be stored. `due_at` is the end of its hold."""

    place: Place
    state: State
    due_at: datetime
    reason: Reason | None = None


def plan(action: str, performed_at: datetime, now: datetime, facts: Facts, policy: Policy) -> tuple[Planned, ...]:
    """The notices of an action received `now`: one for each place of its row in the policy.

    The hold counts from the later of receipt and `performed_at` (spec R16). A page's notice that is due is told by
    being committed, for pages read the row. A hold that cannot be read tells nothing (fail closed).
    """
    rule = policy[action]
    try:
        hold = _hold(action, rule, facts.holds)
        due_at = max(now, performed_at) + hold if hold else now
    except (ValueError, OverflowError):
        return tuple(Planned(place, State.WITHHELD, now, Reason.HOLD_UNREADABLE) for place in rule.places)
    return tuple(_one(action, place, performed_at, now, due_at, facts, rule) for place in rule.places)


def after(facts: Facts, action: str, performed_at: datetime, planned: tuple[Planned, ...], policy: Policy) -> Facts:
    """The facts once `planned` is stored: what the next report about the same application is judged by."""
    spoken_for = {(action, p.place) for p in planned if p.state is not State.WITHHELD}
    if not spoken_for:
        return facts
    told = any(p.state is State.TOLD for p in planned)
    decided_at = facts.decided_at
    if told and policy[action].decides:
        decided_at = min(performed_at, decided_at or performed_at)
    return replace(facts, spoken_for=facts.spoken_for | spoken_for, decided_at=decided_at)


def _hold(action: str, rule: Rule, holds: Mapping[str, object]) -> timedelta:
    own = holds.get(action)
    if own is None:
        return rule.hold
    if isinstance(own, bool) or not isinstance(own, int) or own < 0:
        raise ValueError(f"the customer's hold of {action} is {own!r}, not whole seconds")
    return timedelta(seconds=own)


def _one(
    action: str, place: Place, performed_at: datetime, now: datetime, due_at: datetime, facts: Facts, rule: Rule
) -> Planned:
    if not rule.by_board and not facts.consent:
        return Planned(place, State.WITHHELD, due_at, Reason.NO_CONSENT)
    if (action, place) in facts.spoken_for:
        return Planned(place, State.WITHHELD, due_at, Reason.ALREADY_TOLD)
    if _after_decision(rule, place, performed_at, facts.decided_at):
        return Planned(place, State.WITHHELD, due_at, Reason.AFTER_DECISION)
    if place in PAGES and due_at <= now:
        return Planned(place, State.TOLD, due_at)
    return Planned(place, State.WAITING, due_at)


def _after_decision(rule: Rule, place: Place, performed_at: datetime, decided_at: datetime | None) -> bool:
    """Pages put a late report where it belongs; a mail would come after the decision whenever it was performed."""
    if decided_at is None or rule.decides:
        return False
    return performed_at > decided_at or (place is Place.EMAIL and not rule.by_board)


class Standing(Struct, frozen=True):
    """What is true of a due notice at the moment it is about to be told.

    `consent`: whether the customer's consent stands, and has stood ever since this was reported (spec R15).
    """

    action: str
    place: Place
    performed_at: datetime
    due_at: datetime
    consent: bool
    decided_at: datetime | None
    viewed_mails: bool
    status_mails: bool
    mail_suppressed: bool


def objection(standing: Standing, now: datetime, policy: Policy) -> Reason | None:
    """Why a due notice must not be told after all, or None: it may be told (spec R15, R18, R19).

    Raises `ValueError` when it is asked too early: nothing is told before its hold ends (spec R16).
    """
    if now < standing.due_at:
        raise ValueError("asked to tell a notice before its hold has ended")
    rule = policy[standing.action]
    if not rule.by_board and not standing.consent:
        return Reason.CONSENT_WITHDRAWN
    if _after_decision(rule, standing.place, standing.performed_at, standing.decided_at):
        return Reason.AFTER_DECISION
    if standing.place is not Place.EMAIL:
        return None
    if standing.mail_suppressed:
        return Reason.ADDRESS_SUPPRESSED
    if rule.service_mail:
        return None
    if not standing.status_mails or (standing.action == VIEWED and not standing.viewed_mails):
        return Reason.TURNED_OFF
    return None
