"""What works on this board and is doubtful or wrong at LinkedIn: the journal's warnings and the two strictnesses.

Pure. A doubt that LinkedIn's documents call wrong names the refusal which the strictness `linkedin` answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused

STRICTNESSES = ("lenient", "linkedin")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One warning; `wrong`: what a strict board answers."""

    said: str
    wrong: Refusal | None = None

    def refused(self) -> Refused | None:
        """The refusal of a strict board."""
        return None if self.wrong is None else Refused(self.wrong, f"{self.said} (the sandbox is set to `linkedin`)")


def doubts(path: str, headers: Mapping[str, str], body: Any) -> list[Doubt]:
    """What is doubtful in a report; `body` is the decoded JSON, header names are in small letters."""
    plain = path.partition("?")[0]
    if plain.rstrip("/") not in restli.PATHS:
        return []
    found = list(_of_headers(plain, headers))
    elements = body.get("elements") if isinstance(body, dict) else None
    batch = str(headers.get("x-restli-method", "")).strip().upper() == restli.BATCH_CREATE
    for element in elements[: restli.ELEMENTS_LIMIT] if batch and isinstance(elements, list) else [body]:
        found += [doubt for doubt in _of_report(element) if doubt not in found]
    return found


def _of_headers(path: str, headers: Mapping[str, str]) -> Sequence[Doubt]:
    found = []
    method = headers.get("x-restli-method")
    if method is None:
        found.append(
            Doubt("X-RestLi-Method is missing: LinkedIn documents it as required, send create", Refusal.WRONG_METHOD)
        )
    elif method.strip().upper() == restli.BATCH_CREATE:
        said = "batch_create is unghost's own: LinkedIn documents create alone, send one report in each call"
        found.append(Doubt(said, Refusal.WRONG_METHOD))
    if path.startswith("/rest/") and "linkedin-version" not in headers:
        said = "LinkedIn-Version is missing: below /rest/ LinkedIn demands it, send one such as 202405"
        found.append(Doubt(said, Refusal.WRONG_PROTOCOL))
    if path.endswith("/"):
        found.append(Doubt("the path ends with a slash: LinkedIn documents it without"))
    return found


def _of_report(report: Any) -> Sequence[Doubt]:
    if not isinstance(report, dict):
        return []
    found = []
    if "integrationContext" not in report:
        said = "integrationContext is missing: LinkedIn's first revision requires it, send the customer's URN"
        found.append(Doubt(said, Refusal.MISSING_FIELD))
    at = report.get("performedAt")
    if isinstance(at, str):
        found.append(Doubt("performedAt is a string: LinkedIn documents a long, send a number", Refusal.WRONG_TYPE))
    elif isinstance(at, int) and not isinstance(at, bool) and at > 0 and at % 1000 == 0:
        said = "performedAt ends in 000: two acts of one second would be one, send true milliseconds"
        found.append(Doubt(said))
    unknown = sorted(set(report) - {"jobApplicationId", "action", "performedAt", "integrationContext"})
    if unknown:
        found.append(Doubt(f"{', '.join(unknown)[:80]} is in no revision of the contract and is not read"))
    return found
