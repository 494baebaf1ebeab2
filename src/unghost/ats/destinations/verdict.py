"""What a board's answer means: taken, never, later, or the customer's way is closed (spec R4, R31).

Read by the table from which an unghost board writes its answers (wire/refusals.py); by the status alone when the body
is not of that kind, as LinkedIn's may be. Does no input or output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from unghost.outbox import Done, GiveUp, TryLater
from unghost.wire.lifecycle import AHEAD
from unghost.wire.refusals import Refusal

#: No board's wish to wait is obeyed for longer.
LONGEST_WAIT = timedelta(hours=1)
#: An activity is reported at most so long after its own time is refused for lying ahead of the board's clock.
_FAST_CLOCK = timedelta(days=1)
#: What is wrong with the set-up when a board answers so, and not with the activity.
_SET_UP = frozenset({Refusal.UNKNOWN_PATH, Refusal.WRONG_VERB, Refusal.WRONG_METHOD, Refusal.WRONG_PROTOCOL})
#: What a board that speaks this wire may say of one report for ever. No other status is a report's own fault.
_OF_A_REPORT = frozenset({400, 404, 409, 413, 422})
#: Refusals after which nothing of the report can be stored; a commit may have happened before any other 5xx.
_NOT_TAKEN = frozenset({Refusal.OVERLOADED})


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be reported; `performed_at` in milliseconds."""

    application: int
    action: str
    performed_at: int
    organization: int


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how long it lives."""

    access_token: str
    life: timedelta


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The way is closed for this customer; no activity is at fault. `why`: one sentence with the remedy.

    `after`: how long the board asks to wait. `token`: a new token may open it. `unknown`: whether the report was
    taken is not known, for the answer was lost; `begun`: False if it was not sent at all. `alone`: it may be so for
    this report only, which is known once the board answers for another.
    """

    why: str
    after: timedelta | None = None
    token: bool = False
    unknown: bool = False
    begun: bool = True
    alone: bool = False


Verdict = Done | GiveUp | TryLater | Closed
"""Done carries the board's id, GiveUp the refusal's code and sentence; TryLater concerns the activity alone."""


def of_create(answer: Answer, report: Report) -> Verdict:
    """What the answer to one create means. A success is 201, or names the report; else somebody else answered."""
    id = answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id")
    if 200 <= answer.status < 300:
        page = "html" in answer.headers.get("content-type", "").lower()
        return Done(id) if id or (answer.status == 201 and not page) else _foreign(answer)
    return of_refusal(answer.status, _whole(answer), answer, report)


def of_element(element: Any, answer: Answer, report: Report) -> Verdict:
    """What one element of the answer to a batch_create means."""
    status = element.get("status") if isinstance(element, dict) else None
    if not isinstance(status, int):
        return Closed("the board's answer to a batch is not Rest.li's: see that base_url is right", unknown=True)
    if 200 <= status < 300:
        id = element.get("id")
        return Done(None if id is None else str(id))
    error = element.get("error") or {"status": status}
    return of_refusal(status, error if isinstance(error, dict) else {}, answer, report)


def of_take_back(answer: Answer) -> Verdict:
    """What the answer to a DELETE means. Only 204 says that the report is taken back."""
    if answer.status == 204:
        return Done()
    if 200 <= answer.status < 300:
        return replace(_foreign(answer), alone=True)
    verdict = of_refusal(answer.status, _whole(answer), answer, None)
    # What answers reports and no DELETE, a firewall say, stops what is to be taken back and nothing else.
    shut = isinstance(verdict, Closed) and not verdict.token and answer.status not in (429, 503)
    return replace(verdict, alone=True) if isinstance(verdict, Closed) and shut else verdict


def _foreign(answer: Answer) -> Closed:
    return Closed(
        f"the answer ({answer.status}) does not come from a board: see that the destination's base_url is right",
        unknown=True,
    )


def of_refusal(status: int, error: Mapping[str, Any], answer: Answer, report: Report | None) -> Verdict:
    """What a refusal means: `error`, or nothing if the body is not of the wire. `answer`: what it came with."""
    said = _said(error) or f"the board answered {status}"
    refusal = Refusal.__members__.get(str(error.get("code")))
    if refusal is None or refusal.value.status != status:
        return _by_status(status, error, said, answer)
    if status == 401:
        return Closed(said, token=True)
    if refusal is Refusal.BAD_TIME and report is not None:
        return _bad_time(said, answer, report)
    if status == 403 or refusal.value.again or refusal in _SET_UP:
        lost = status >= 500 and refusal not in _NOT_TAKEN
        alone = refusal is Refusal.INTERNAL
        return Closed(_remedy(status, said), retry_after(answer), unknown=lost, alone=alone)
    return GiveUp(refusal.name, said)


def _by_status(status: int, error: Mapping[str, Any], said: str, answer: Answer) -> Verdict:
    if status == 401:
        return Closed(said, token=True)
    if status in _OF_A_REPORT and error:
        return GiveUp(str(status), said)
    alone = status == 403 or (status >= 500 and status != 503)
    return Closed(_remedy(status, said), retry_after(answer), unknown=status >= 500, alone=alone)


def _remedy(status: int, said: str) -> str:
    if status == 403:
        return f"{said} (403): see that the customer's client id is that of its own child application"
    if status == 426:
        return f"{said} (426): the board no longer takes this version; see its release notes, and update unghost"
    if status < 500 and status not in (408, 425, 429):
        return f"{said} ({status}): see that the destination's base_url is right"
    return f"{said} ({status})"


def _bad_time(said: str, answer: Answer, report: Report) -> Verdict:
    """A time that lies ahead of the board's clock comes by itself: the ATS's clock is fast, the activity is good."""
    board = _date(answer.headers.get("date"))
    if board is not None and report.performed_at < 10**14:  # no greater one is a moment
        ahead = timedelta(milliseconds=report.performed_at) - (board - datetime(1970, 1, 1, tzinfo=UTC)) - AHEAD
        if timedelta(seconds=-2) < ahead < _FAST_CLOCK:  # the header has whole seconds
            return TryLater(ahead + timedelta(seconds=2), f"the ATS's clock is ahead of the board's: {said}")
    return GiveUp(Refusal.BAD_TIME.name, said)


def retry_after(answer: Answer) -> timedelta | None:
    """How long the board asks to wait: a number of seconds or a date, never more than an hour."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return min(timedelta(seconds=int(given[:9])), LONGEST_WAIT)
    until, now = _date(given), _date(answer.headers.get("date"))
    return None if until is None or now is None else min(max(until - now, timedelta(0)), LONGEST_WAIT)


def of_token(answer: Answer) -> Token | Closed:
    """What the answer of a token endpoint means (RFC 6749 5)."""
    given = _object(answer.body)
    token, life = given.get("access_token"), str(given.get("expires_in", 1800))
    if answer.status == 200 and isinstance(token, str) and token.isascii() and token.isprintable() and token:
        seconds = int(life) if life.isascii() and life.isdigit() and len(life) < 10 else 1800
        return Token(token, timedelta(seconds=seconds))
    said = _clean(given.get("error_description") or given.get("error") or f"it answered {answer.status}")[:300]
    if answer.status == 429 or answer.status >= 500:
        return Closed(f"no access token: {said}", retry_after(answer))
    return Closed(f"no access token: {said}; see that client id, client secret and token_url are right")


def _date(given: str | None) -> datetime | None:
    try:
        read = parsedate_to_datetime(given or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read  # asctime's form names no zone and means UTC


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        read = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _whole(answer: Answer) -> Mapping[str, Any]:
    """The error that is the whole body, if it is one of the wire's: it names its own status and has a sentence."""
    error = _object(answer.body)
    return error if error.get("status") == answer.status and isinstance(error.get("message"), str) else {}


def of_whole(answer: Answer) -> Verdict:
    """What the refusal of a whole batch means."""
    return of_refusal(answer.status, _whole(answer), answer, None)


def _said(error: Mapping[str, Any]) -> str:
    said = error.get("message")
    return _clean(said)[:500] if said else ""


def _clean(said: object) -> str:
    """Somebody else's sentence on one line, without signs that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(said)).split())
