"""An activity: what happened to applications in the ATS, in the ATS's own words (spec R29). Pure.

Must not know how it is stored, nor what a destination calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from unghost.wire import urn

#: The longest id of the ATS's own that is stored, in characters.
LONGEST_ID = 190


class RecordError(ValueError):
    """What was to be recorded cannot be. The message is one sentence with the remedy; nothing was written."""


class Kind(StrEnum):
    """Every kind of activity. The last two undo a rejection; no board has an action for them."""

    VIEWED = "viewed"
    RESUME_DOWNLOADED = "resume_downloaded"
    RESUME_DISPLAYED = "resume_displayed"
    REJECTED = "rejected"
    UNREJECTED = "unrejected"
    CANDIDATE_WITHDREW = "candidate_withdrew"


#: What takes a rejection back (spec R34): who withdrew by themselves is not told that they were rejected, either.
UNDOING = frozenset({Kind.UNREJECTED, Kind.CANDIDATE_WITHDREW})


@dataclass(frozen=True, slots=True)
class Activity:
    """One kind of activity on one or many applications at one moment.

    `ats_ids`: the ATS's own ids; or `application`: the board's number. `organization`: only this customer's, None: of
    whichever customer. `at`: when it was done, aware; None: when it is recorded.
    """

    kind: Kind
    ats_ids: tuple[str, ...] = ()
    application: int | None = None
    organization: int | None = None
    at: datetime | None = None


def viewed(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """A recruiter opened the application's record. Reported as APPLICATION_VIEWED.

    Takes the ATS's own ids, several for a bulk form, or `application`, the board's URN or its number. `organization`
    (URN or number) tells customers apart whose ids may be alike. `at` is an aware datetime, by default the moment of
    recording. Raises `RecordError`.
    """
    return _activity(Kind.VIEWED, ats_ids, application, organization, at)


def resume_downloaded(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """A résumé was downloaded. Reported as RESUME_DOWNLOADED. Arguments as for `viewed`."""
    return _activity(Kind.RESUME_DOWNLOADED, ats_ids, application, organization, at)


def resume_displayed(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """A résumé was shown in a document viewer. Reported as RESUME_DOWNLOADED, as the wire demands."""
    return _activity(Kind.RESUME_DISPLAYED, ats_ids, application, organization, at)


def rejected(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """Applications were rejected, one or in bulk. Reported as APPLICATION_REJECTED. Arguments as for `viewed`."""
    return _activity(Kind.REJECTED, ats_ids, application, organization, at)


def unrejected(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """A rejection was undone: one not sent yet never is, one that was sent is taken back where that can be (R34)."""
    return _activity(Kind.UNREJECTED, ats_ids, application, organization, at)


def candidate_withdrew(
    *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """The candidate withdrew. Nothing is reported; a rejection before it is undone as by `unrejected`."""
    return _activity(Kind.CANDIDATE_WITHDREW, ats_ids, application, organization, at)


def of_kind(
    kind: str, *ats_ids: str | int, application: str | int | None = None, organization: str | int | None = None,
    at: datetime | None = None,
) -> Activity:  # fmt: skip
    """An activity whose kind is a word, e.g. from a table of stages. Raises `RecordError` for an unknown one."""
    try:
        known = Kind(kind)
    except ValueError:
        raise RecordError(f"the activity is {kind!r}: give one of {', '.join(Kind)}") from None
    return _activity(known, ats_ids, application, organization, at)


def milliseconds(moment: datetime) -> int:
    """A moment as the tables have it: whole milliseconds since 1970 in UTC."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _activity(
    kind: Kind,
    ats_ids: tuple[str | int, ...],
    application: str | int | None,
    organization: str | int | None,
    at: datetime | None,
) -> Activity:
    if bool(ats_ids) == (application is not None):
        raise RecordError(
            f"{kind} names no application: give the ATS's own ids"
            if not ats_ids
            else f"{kind} names applications twice: give the ATS's own ids, or application=, not both"
        )
    if at is not None and milliseconds(aware("at", at)) <= 0:
        raise RecordError(f"at is {at.isoformat()}: give the moment of the act, after 1970")
    return Activity(
        kind,
        tuple(dict.fromkeys(own_id(one) for one in ats_ids)),
        None if application is None else _number("application", urn.JOB_APPLICATION, application),
        None if organization is None else _number("organization", urn.ORGANIZATION, organization),
        at,
    )


def aware(field: str, given: datetime) -> datetime:
    """See that it is a moment. Raises `RecordError`."""
    if not isinstance(given, datetime):
        raise RecordError(f"{field} is of the type {type(given).__name__}: give an aware datetime, e.g. in UTC")
    if given.utcoffset() is None:
        raise RecordError(f"{field} is {given.isoformat()} without a time zone: give an aware datetime, e.g. in UTC")
    return given


def own_id(given: str | int) -> str:
    """The ATS's own id of an application, as the tables have it. Raises `RecordError`."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise RecordError(f"an id is of the type {type(given).__name__}: give the ATS's own id as a str or an int")
    text = _text("an id", given)
    if not 1 <= len(text) <= LONGEST_ID or "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise RecordError(f"an id is {text[:40]!a}: give the ATS's own id, 1 to {LONGEST_ID} characters")
    return text


def _number(field: str, kind: str, given: str | int) -> int:
    wanted = f"give urn:li:{kind}:N, or N alone"
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise RecordError(f"{field} is of the type {type(given).__name__}: {wanted}")
    text = _text(field, given)
    try:
        return urn.read(kind, text) if text.startswith("urn:") else urn.number(text)
    except ValueError as error:
        raise RecordError(f"{field} is {text[:60]!a}: {wanted} ({error})") from None


def _text(field: str, given: str | int) -> str:
    if isinstance(given, int) and abs(given) >= 10**LONGEST_ID:  # Python writes no number of thousands of digits
        raise RecordError(f"{field} is a number of more than {LONGEST_ID} digits: give a shorter one")
    return str(given)
