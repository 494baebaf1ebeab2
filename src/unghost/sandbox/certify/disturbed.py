"""Cases in which something goes wrong meanwhile: consent, token, 429, 503, a lost answer, a restart (spec R31, R37)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from unghost.sandbox.certify.hiring import Person
from unghost.sandbox.certify.reports import REJECTED, VIEWED, Attempt, Seen, occurrences
from unghost.sandbox.certify.stage import Failed, Stage

_RETRY_AFTER = 3
#: Clocks and Retry-After count in whole seconds.
_EARLY = timedelta(seconds=1)
#: How long an ATS may take to try for the first time, before it is restarted under its hands.
_FIRST_TRY = 4.0


def consent_off(stage: Stage) -> Sequence[Seen]:
    """The customer unticks the box, a record is opened, and it is ticked again."""
    stage.need("view")
    person = stage.applied()
    organization = stage.hiring.organization
    stage.control.ask("POST", "consent", {"ticked": False, "organization": organization})
    try:
        stage.act("view", person)
        found = stage.wait([person], bool)
    finally:
        stage.control.ask("POST", "consent", {"ticked": True, "organization": organization})
    if not found:
        raise Failed("the customer's consent was off, and the view was not reported")
    return [f"“Applicant notifications” was off for {organization}", *found]


def token_expiry(stage: Stage) -> Sequence[Seen]:
    """The token expires while the first report is on its way."""
    return _sent_again(stage, {"token": "expired"}, "its token had expired", nth=1)


def too_many_calls(stage: Stage) -> Sequence[Seen]:
    """The first report is answered 429, another applicant's waits behind it."""
    stage.need("view")
    first, second = stage.applied(), stage.applied()
    what = {"status": 429, "headers": {"Retry-After": str(_RETRY_AFTER)}}
    with stage.fault({"route": "reports", "application": str(first.number)}, what, nth=1):
        stage.act("view", first)
        stage.act("view", second)
        found = stage.wait([first, second], lambda found: _through(found, first) and _through(found, second))
    _demand_again(found, first, "it was answered 429")
    _demand_again(found, second, "the call before it was answered 429")
    of_first = [attempt for attempt in found if attempt.application == str(first.number)]
    refused = next(attempt for attempt in of_first if attempt.fault)
    again = next(attempt for attempt in of_first if attempt.number > refused.number)
    waited = again.at - refused.at
    if waited < timedelta(seconds=_RETRY_AFTER) - _EARLY:
        said = f"it was sent again after {waited.total_seconds():.1f} s; Retry-After was {_RETRY_AFTER}"
        raise Failed(said, of_first)
    return [f"Retry-After: {_RETRY_AFTER}; sent again after {waited.total_seconds():.1f} s", *found]


def overloaded(stage: Stage) -> Sequence[Seen]:
    """The first two tries are answered 503."""
    what = {"status": 503, "headers": {"Retry-After": "1"}}
    return _sent_again(stage, what, "it was answered 503", nth=[1, 2])


def lost_answer(stage: Stage) -> Sequence[Seen]:
    """The board stores the report, and the line is cut before it says so."""
    found = _sent_again(stage, {"cut": "after"}, "the line was cut after it was stored", nth=1)
    times = {str(attempt.performed_at) for attempt in found if isinstance(attempt, Attempt)}
    if len(times) > 1:
        raise Failed(f"the same view was sent with {len(times)} different times; want the same again", found)
    return found


def restart(stage: Stage) -> Sequence[Seen]:
    """While the board takes nothing, three things are done and the ATS is restarted; then the board takes all."""
    stage.need("view", "reject", "restart")
    opened, other, rejected = people = [stage.applied() for _ in range(3)]
    with stage.fault({"route": "reports"}, {"status": 503, "headers": {"Retry-After": "1"}}):
        stage.act("view", opened)
        stage.act("view", other)
        stage.act("reject", rejected)
        deadline = time.monotonic() + min(_FIRST_TRY, stage.plan.timeouts.report)
        while len({attempt.application for attempt in stage.of(*people)}) < len(people) and time.monotonic() < deadline:
            time.sleep(0.1)
        stage.restart()
    done = [(opened, VIEWED), (other, VIEWED), (rejected, REJECTED)]
    # The webhook answers again; what reports may need as long once more.
    starting = stage.plan.timeouts.start
    found = stage.wait(people, lambda found: all(_through(found, p, action) for p, action in done), more=starting)
    lost = [f"{action} of application {p.number}" for p, action in done if not _through(found, p, action)]
    if lost:
        raise Failed(f"the ATS was restarted, and lost: {'; '.join(lost)}", found)
    return ["the ATS was ended and started again while the board answered 503", *found]


def _sent_again(stage: Stage, what: dict[str, Any], said: str, **often: Any) -> Sequence[Seen]:
    """A view whose report meets a fault; that it is sent until it meets none."""
    stage.need("view")
    person = stage.applied()
    with stage.fault({"route": "reports", "application": str(person.number)}, what, **often):
        stage.act("view", person)
        found = stage.wait([person], lambda found: _through(found, person))
    _demand_again(found, person, said)
    return found


def _demand_again(found: Sequence[Attempt], person: Person, said: str) -> None:
    if not _through(found, person):
        came = occurrences(found, str(person.number))
        verb = "was not sent again" if came else "was never sent"
        raise Failed(f"the report of application {person.number} {verb}: {said}", found)


def _through(found: Sequence[Attempt], person: Person, action: str = VIEWED) -> bool:
    """Whether a report of it has met no fault."""
    return any(
        attempt.application == str(person.number) and attempt.action == action and attempt.fault is None
        for attempt in found
    )
