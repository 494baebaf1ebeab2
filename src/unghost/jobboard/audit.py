"""Proves that no notice is stuck, early, double or lost, or says which is and what to do (spec R41).

Each check is one question to store/auditing and one sentence for its answer. Changes nothing; must hold no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from unghost.jobboard.rules.policy import Place
from unghost.jobboard.settings import Settings
from unghost.jobboard.store import auditing, flow
from unghost.jobboard.store.auditing import Found
from unghost.wire import urn

#: A notice that is due for longer is late, unless the operator says otherwise.
LATE = timedelta(minutes=15)
#: No notice that is due waits longer than this for its next attempt: the backoff's hour and the lease.
_NEXT_TRY = timedelta(hours=2)
#: `performedAt` may be so far in the future, and clocks may differ by as much (spec R6, R16).
_AHEAD = timedelta(minutes=5)
#: Actions and their notices are held against each other this far back.
_LOOKED_BACK = timedelta(days=1)
_TAKES_PART = "see that `unghost work` runs and read its log"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to prove. `proves`: what is so when nothing is found; `fault`: what is said of what was found.

    `fault` fills in what was `Found`, `which` (an example) and `answer` (its last one); `remedy` is what to do.
    """

    name: str
    proves: str
    fault: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: how many rows, an application as an example, and one sentence with the remedy."""

    check: str
    count: int
    application: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found at that time; `proved`: what of the rest is shown to be in order."""

    at: datetime
    findings: tuple[Finding, ...]
    proved: tuple[str, ...]


CHECKS = (
    Check(
        "untaken",
        "no notice has been due for long without a dispatcher taking it",
        "{count} notice(s) have been due since {since} and no dispatcher has taken them ({which}, {what})",
        f"{_TAKES_PART}; mails also wait for a mail server: `unghost doctor`",
    ),
    Check(
        "abandoned",
        "no notice is left in the hands of a dispatcher that is gone",
        "{count} notice(s) at {what} were tried, and no dispatcher has tried again what was due at {since} "
        "({which}{answer})",
        _TAKES_PART,
    ),
    Check(
        "out_of_reach",
        "nothing waits longer than its hold or its next attempt allows",
        "{count} notice(s) at {what} wait until {since}, which no hold and no pause explains ({which})",
        "some machine's clock was wrong: mend it, then `unghost explain` the application and set the row's attempt_at",
    ),
    Check(
        "unknown_action",
        "every notice that waits is about an action of the policy",
        "{count} notice(s) wait to tell {what}, which this release does not know ({which})",
        "run the release that stored them",
    ),
    Check(
        "vanished",
        "every notice that waits has its action",
        "{count} notice(s) are of actions that are not there any more ({which})",
        "delete these rows of jobboard.notice: there is nothing to tell",
    ),
    Check(
        "unplanned",
        "every action of the last day has notices",
        "{count} action(s) of the last day, such as {what}, have no notice at all ({which})",
        "report it as a fault of unghost; reporting the action with another performedAt makes its notices",
    ),
    Check(
        "unreadable",
        "every customer's own hold can be read",
        "{count} customer(s) have a hold that cannot be read, and {detail} is told to none of their applicants "
        "(urn:li:organization:{what})",
        "set it again by `unghost customer hold`",
    ),
    Check(
        "ahead",
        "no report was received in the future",
        "{count} action(s) were received later than it is now, the latest at {since} ({which})",
        "a machine's clock is ahead and holds end late by as much: let all of them keep time by NTP",
    ),
    Check(
        "behind_webhook",
        "no application waits for a webhook that takes none",
        "{count} application(s) wait since {since} for a webhook that takes none, {what} ({which}{answer})",
        "when the ATS answers its challenge `unghost redrive webhook`, or the partner posts the job with another URL",
    ),
    Check(
        "undelivered",
        "no application has been due at a webhook for long",
        "{count} application(s) have been due at their webhook since {since}, such as {what} ({which}{answer})",
        _TAKES_PART,
    ),
    Check(
        "unchallenged",
        "every webhook is challenged in time",
        "{count} webhook(s) should have been challenged at {since}, such as {what}",
        _TAKES_PART,
    ),
    Check(
        "told_early",
        "nothing was told before its hold ended: the database forbids it",
        "the database no longer forbids to tell a notice before its hold has ended, and {count} were ({which})",
        "put the constraint of jobboard.notice back: CHECK (told_at >= due_at)",
    ),
    Check(
        "tried_early",
        "nothing is attempted before its hold ends: the database forbids it",
        "the database no longer forbids to attempt a notice before its hold has ended, and {count} may be ({which})",
        "put the constraint of jobboard.notice back: CHECK (attempt_at >= due_at)",
    ),
    Check(
        "told_twice",
        "nobody was told anything twice: the database forbids it",
        "the database no longer forbids to tell the same thing twice, and {count} were or will be ({which})",
        "put the unique index notice_told_once back, as migrations/schema.sql has it",
    ),
)


async def audit(connection: AsyncConnection[Any], settings: Settings, now: datetime, late: timedelta = LATE) -> Audit:
    """Ask every question. `late`: how long a notice may be due before somebody should look."""
    given = await _given(connection, settings, now, late)
    guards = await auditing.guards(connection)
    held = {
        "told_early": guards.told_after_hold,
        "tried_early": guards.tried_after_hold,
        "told_twice": guards.told_once,
    }
    findings, proved = [], []
    for check in CHECKS:
        found = None if held.get(check.name) else await auditing.ask(connection, check.name, given)
        if found is None and held.get(check.name, True):
            proved.append(check.proves)
        else:
            found = found or Found(0, None, None, None, None)
            findings.append(Finding(check.name, found.count, found.application, _sentence(check, found)))
    return Audit(now, tuple(findings), tuple(proved))


async def _given(
    connection: AsyncConnection[Any], settings: Settings, now: datetime, late: timedelta
) -> Mapping[str, object]:
    policy = settings.policy
    hold = max(timedelta(seconds=await auditing.longest_hold(connection)), *(rule.hold for rule in policy.values()))
    window = await flow.window(connection, now - _LOOKED_BACK)
    return {
        "now": now,
        "late": now - late,
        "next_try": now + _NEXT_TRY,
        "longest": now + hold + _AHEAD + _NEXT_TRY,
        "soon": now + _AHEAD,
        "after": window.after,
        "places": [place.value for place in Place],
        "known": list(policy),
        "placed": [action for action, rule in policy.items() if rule.places],
    }


def _sentence(check: Check, found: Found) -> str:
    said = check.fault.format(
        count=found.count,
        what=found.what,
        which=f"e.g. application {found.application}" if found.application else "no example",
        since=f"{found.since:%Y-%m-%d %H:%M:%S} UTC" if found.since else "an unknown time",
        detail=found.detail,
        answer=f", {found.detail}" if found.detail else "",
    )
    return f"{said}: {check.remedy}"


def as_data(audit: Audit) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "at": audit.at.isoformat(),
        "findings": [
            {
                "check": finding.check,
                "count": finding.count,
                "application": finding.application and urn.write(urn.JOB_APPLICATION, finding.application),
                "sentence": finding.sentence,
            }
            for finding in audit.findings
        ],
        "proved": list(audit.proved),
    }


def lines(audit: Audit) -> Iterator[str]:
    """What a person is told: a sentence for each finding, or one that nothing was found."""
    for finding in audit.findings:
        yield finding.sentence
    if not audit.findings:
        yield f"nothing is stuck, early, double or lost: {len(audit.proved)} things were looked at and are in order"
