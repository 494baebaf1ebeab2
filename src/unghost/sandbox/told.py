"""What a test may claim of an applicant's notices, and the sentence that says why a claim does not hold.

Pure: reads what `GET /explain` and the inbox gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from unghost.sandbox.duration import written

#: A notice is told as soon as it is due; later than this it is late.
_AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Mail:
    """A mail as its recipient has it. `copies`: how often the same mail came."""

    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    received_at: datetime
    copies: int


@dataclass(frozen=True)
class Seen:
    """All that is known of one application at one moment. `mails` None: they went to another server."""

    explained: dict[str, Any]
    mails: Sequence[Mail] | None
    now: datetime

    def occurrences(self, action: str | None) -> list[dict[str, Any]]:
        """The reports of this action, in the order in which they came; None: all that an ATS reported."""
        found = [
            each
            for each in self.explained["actions"]
            if (each["action"] == action if action else each["reported_by"] is not None)
        ]
        return sorted(found, key=lambda each: str(each["received_at"]))

    def told(self, action: str | None) -> list[dict[str, Any]]:
        """The notices of this action that were told."""
        return [n for each in self.occurrences(action) for n in each["notices"] if n["state"] == "told"]

    def mailed(self, action: str | None) -> list[Mail]:
        """The mails about this action: a mail's Message-ID names the report that it is about."""
        marks = tuple(f"<notice-{each['id']}-email." for each in self.occurrences(action))
        return [mail for mail in self.mails or () if marks and mail.headers.get("Message-ID", "").startswith(marks)]


def not_told(seen: Seen, action: str | None, reason: str | None) -> str | None:
    """Why it is not true that the applicant was not told; None: it is. `reason`: and all was withheld for it."""
    if told := seen.told(action):
        return f"was told: {told[0]['place']} {told[0]['sentence']}"
    if mails := seen.mailed(action):
        return f"got {len(mails)} mail: {mails[0].subject!r}"
    if reason is None:
        return None
    notices = [notice for each in seen.occurrences(action) for notice in each["notices"]]
    if not notices:
        return _never_reported(seen, action)
    other = next((notice for notice in notices if notice["reason"] != reason), None)
    if other is None:
        return None
    so = f"for {other['reason']!r}" if other["reason"] else f"is {other['state']}"
    return f"was not told, but {so}, not for {reason!r}: {other['place']} {other['sentence']}"


def told_once(seen: Seen, action: str) -> str | None:
    """Why it is not true that the applicant was told once in each place; None: it is."""
    occurrences = seen.occurrences(action)
    if not occurrences:
        return _never_reported(seen, action)
    told = [notice["place"] for notice in seen.told(action)]
    for notice in occurrences[0]["notices"]:
        if notice["place"] not in told:
            return f"was not told: {notice['place']} {notice['sentence']}"
    if twice := next((place for place in told if told.count(place) > 1), None):
        return f"was told {told.count(twice)} times in {twice}"
    if not told:
        return "was not told: this board tells it in no place"
    if seen.mails is not None and len(mails := seen.mailed(action)) != told.count("EMAIL"):
        return f"should have {told.count('EMAIL')} mail about it and has {len(mails)}"
    return None


def held(seen: Seen, action: str) -> tuple[datetime, str | None]:
    """When the hold of the first report began, and why it can no longer be waited for; None: it can.

    It begins at the later of receipt and `performedAt` (spec R16).
    """
    occurrences = seen.occurrences(action)
    if not occurrences:
        return seen.now, _never_reported(seen, action)
    first = occurrences[0]
    begun = max(datetime.fromisoformat(first[moment]) for moment in ("received_at", "performed_at"))
    notices = first["notices"]
    if withheld := next((notice for notice in notices if notice["state"] == "withheld"), None):
        return begun, f"is not told: {withheld['place']} {withheld['sentence']}"
    return begun, None


def told_at(seen: Seen, action: str, begun: datetime, after: timedelta) -> str | None:
    """Why it is not true that all was told when this time had passed since then; None: it is."""
    for notice in seen.told(action):
        waited = datetime.fromisoformat(notice["told_at"]) - begun
        if not after <= waited < after + _AT_ONCE:
            return f"was told after {written(waited)}: {notice['place']} {notice['sentence']}"
    return None


def failure(seen: Seen, wanted: str, why: str, refused: Sequence[dict[str, Any]] = ()) -> str:
    """The whole message of a claim that does not hold: what was wanted, what is so, and all that was seen.

    `refused`: the journal's entries of requests that were not answered as their sender hoped, the oldest first.
    """
    lines = [
        f"{seen.explained['application']} should {wanted}, but {why}.",
        f"Seen by the board at {seen.now:%Y-%m-%d %H:%M:%S} UTC:",
    ]
    for each in seen.explained["actions"]:
        by = each["reported_by"] or "the job board"
        lines.append(f"  {each['action']} by {by}, performed {each['performed_at']}, received {each['received_at']}")
        lines += [f"    {notice['place']}: {notice['sentence']}" for notice in each["notices"]]
    if not seen.explained["consent_now"]:
        lines.append(f"  {seen.explained['customer']} has not ticked “Applicant notifications”")
    if refused:
        lines.append("Refused lately, by the journal:")
        lines += [f"  {each['method']} {each['path']} {each['reason']}" for each in refused]
    return "\n".join(lines)


def _never_reported(seen: Seen, action: str | None) -> str:
    came = sorted({each["action"] for each in seen.occurrences(None)})
    other = f"; it has had {', '.join(came)}" if came else ""
    return (
        f"the board has had no report of {action or 'anything'} for it{other}: see that your ATS sends it and is "
        "answered 201"
    )
