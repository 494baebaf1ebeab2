"""What the journal says of reports: one attempt for each report in each call, whatever it was answered. Pure.

A case judges by attempts, so that a fault which has a case of its own fails that one and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_PATHS = ("/v2/jobApplicationLifecycleActions", "/rest/jobApplicationLifecycleActions")

VIEWED, DOWNLOADED, REJECTED = "APPLICATION_VIEWED", "RESUME_DOWNLOADED", "APPLICATION_REJECTED"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One report as it came. `status` 0: the line was cut before the answer. `entry`: the journal's own."""

    number: int
    at: datetime
    application: str
    action: str
    performed_at: Any
    organization: Any
    status: int
    code: str
    fault: str | None
    entry: Mapping[str, Any] = field(repr=False)

    @property
    def occurrence(self) -> tuple[str, str, str]:
        """What makes it one and the same however often it is sent."""
        return self.application, self.action, str(self.performed_at)


@dataclass(frozen=True)
class Noted:
    """An entry of the journal that is no report: a delivery, or a report that is taken back."""

    entry: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        """On one line."""
        return f"#{self.entry['number']} {self.entry['method']} {self.entry['path']} → {self.entry['reason']}"


#: A piece of evidence: of the journal, or a line.
Seen = Attempt | Noted | str


def attempts(entries: Iterable[Mapping[str, Any]]) -> list[Attempt]:
    """The reports of these entries, in the order in which the calls came."""
    found: list[Attempt] = []
    for entry in sorted(entries, key=lambda entry: int(entry["number"])):
        if entry["method"] == "POST" and entry["path"].partition("?")[0].rstrip("/") in _PATHS:
            found += _attempts(entry)
    return found


def occurrences(found: Sequence[Attempt], application: str, action: str | None = None) -> list[Attempt]:
    """The first attempt of each occurrence, in order."""
    first: dict[tuple[str, str, str], Attempt] = {}
    for attempt in found:
        if attempt.application == application and action in (None, attempt.action):
            first.setdefault(attempt.occurrence, attempt)
    return list(first.values())


def _attempts(entry: Mapping[str, Any]) -> list[Attempt]:
    body, answer = _object(entry["body"]), _object(entry["answer"])
    elements, answers = body.get("elements"), answer.get("elements")
    given = elements if isinstance(elements, list) else [body]
    answered = answers if isinstance(answers, list) and len(answers) == len(given) else [answer] * len(given)
    made = []
    for report, one in zip(given, answered, strict=True):
        report, one = (each if isinstance(each, dict) else {} for each in (report, one))
        error = one.get("error") if isinstance(one.get("error"), dict) else one
        status = one.get("status")
        made.append(
            Attempt(
                number=int(entry["number"]),
                at=datetime.fromisoformat(entry["at"]),
                application=str(report.get("jobApplicationId")).rpartition(":")[2],
                action=str(report.get("action")),
                performed_at=report.get("performedAt"),
                organization=report.get("integrationContext"),
                status=status if isinstance(status, int) else int(entry["status"]),
                code=str((error or {}).get("code", "")),
                fault=entry.get("fault"),
                entry=entry,
            )
        )
    return made


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
