"""THE TABLE: which action is told in which places, after which hold (spec R13).

It stands here and nowhere else. Adding an action is adding a row (docs/howto/add-an-action.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum


class Place(StrEnum):
    """Where an applicant can be told something."""

    EMAIL = "EMAIL"
    JOB_POSTING = "JOB_POSTING"
    MY_JOBS = "MY_JOBS"


#: Places that applicants read on a page: what is due there is told by being there, no delivery is needed.
PAGES = frozenset({Place.JOB_POSTING, Place.MY_JOBS})

SUBMITTED = "APPLICATION_SUBMITTED"
VIEWED = "APPLICATION_VIEWED"
DOWNLOADED = "RESUME_DOWNLOADED"
REJECTED = "APPLICATION_REJECTED"

_EVERYWHERE = (Place.EMAIL, Place.JOB_POSTING, Place.MY_JOBS)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    `by_board`: the job board makes the action itself, no report of it is taken and no consent is asked (spec R15).
    `decides`: once told, later occurrences of the others are withheld (spec R18).
    `service_mail`: its mail cannot be turned off (spec R19).
    `enabled`: the row is in force; the newest kinds are off unless the deployment turns them on (spec R13).
    """

    places: tuple[Place, ...]
    hold: timedelta = timedelta(0)
    by_board: bool = False
    decides: bool = False
    service_mail: bool = False
    enabled: bool = True


Policy = Mapping[str, Rule]

DEFAULT: Policy = {
    SUBMITTED: Rule(_EVERYWHERE, by_board=True, service_mail=True),
    VIEWED: Rule(_EVERYWHERE),
    DOWNLOADED: Rule((Place.JOB_POSTING, Place.MY_JOBS)),
    REJECTED: Rule((Place.EMAIL,), hold=timedelta(hours=72), decides=True, service_mail=True),
    # LinkedIn's newest page names these three without their wire names or places; only their mail is known.
    "APPLICATION_SCREENED": Rule((Place.EMAIL,), enabled=False),
    "APPLICATION_INTERVIEWED": Rule((Place.EMAIL,), enabled=False),
    "APPLICATION_HIRED": Rule((Place.EMAIL,), enabled=False),
}


def policy(
    *,
    places: Mapping[str, tuple[Place, ...]] | None = None,
    holds: Mapping[str, timedelta] | None = None,
    enabled: frozenset[str] = frozenset(),
) -> Policy:
    """The table with a deployment's own places and holds laid over it (spec R13).

    Raises `ValueError`, naming the action and the remedy, for an action that has no row or a hold below zero.
    """
    places, holds = places or {}, holds or {}
    for action in (*places, *holds, *enabled):
        if action not in DEFAULT:
            raise ValueError(f"no action {action!r}: the policy knows {', '.join(DEFAULT)}")
    for action, hold in holds.items():
        if hold < timedelta(0):
            raise ValueError(f"the hold of {action} is {hold}: give 0 or more")
    return {
        action: replace(
            rule,
            places=places.get(action, rule.places),
            hold=holds.get(action, rule.hold),
            enabled=rule.enabled or action in enabled,
        )
        for action, rule in DEFAULT.items()
    }


def reportable(policy: Policy) -> tuple[str, ...]:
    """The actions that an ATS may report under this policy."""
    return tuple(action for action, rule in policy.items() if rule.enabled and not rule.by_board)
