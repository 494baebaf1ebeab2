"""The case of a rejection that is taken back within its hold (spec R10, R34). It winds the clock, so it is the last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from unghost.sandbox.certify.hiring import Person
from unghost.sandbox.certify.reports import REJECTED, Noted, Seen
from unghost.sandbox.certify.stage import Failed, Stage

_HOLD = "73h"
_LOOK_SECONDS = 0.2


def unreject(stage: Stage) -> Sequence[Seen]:
    """Rejected, reported or held back, taken back; then 73 hours pass, and the applicant knows nothing of it."""
    stage.need("reject", "unreject")
    person = stage.applied()
    stage.act("reject", person)
    stage.wait([person], lambda found: any(attempt.action == REJECTED for attempt in found))
    stage.act("unreject", person)
    deadline = time.monotonic() + stage.plan.timeouts.report
    while (waiting := _notices(stage, person, "waiting")) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    found = stage.of(person)
    seen: list[Seen] = [*found, *_taken_back(stage)]
    if waiting:
        raise Failed("its rejection was reported and not taken back: it still waits to be told", seen)
    if stage.own:
        stage.control.ask("POST", "clock/advance", {"by": _HOLD})
        seen.append(f"the sandbox's clock was wound {_HOLD} on")
    else:
        stage.quiet()
    if told := _notices(stage, person, "told"):
        raise Failed(f"the applicant was told of it: {told[0]['place']} {told[0]['sentence']}", seen)
    reported = any(attempt.action == REJECTED for attempt in found)
    return [*seen, "no notice of it is told or waits" + ("" if reported else "; nothing of it was ever reported")]


def _notices(stage: Stage, person: Person, state: str) -> list[dict[str, Any]]:
    explained = stage.control.ask("GET", f"explain/{person.number}")
    return [
        notice
        for action in explained["actions"]
        if action["action"] == REJECTED
        for notice in action["notices"]
        if notice["state"] == state
    ]


def _taken_back(stage: Stage) -> list[Noted]:
    path = "journal?method=DELETE&path=/v2/jobApplicationLifecycleActions&limit=3"
    return [Noted(entry) for entry in stage.control.ask("GET", path)["entries"]]
