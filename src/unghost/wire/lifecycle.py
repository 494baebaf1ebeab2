"""A report: one element of `POST /v2/jobApplicationLifecycleActions`, read and written (spec R1, R2, R6).

Pure. Which actions may be reported is an argument; so is `now`. Must not know how it is stored.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from unghost.wire import urn
from unghost.wire.refusals import Refusal, Refused, kind, shown

#: A report may be this far ahead of the board's clock, and this far before the application (spec R6).
AHEAD, BEFORE = timedelta(minutes=5), timedelta(hours=24)

#: Below this a count of milliseconds lies in 1973: it is seconds. Above the other it lies beyond 5138: microseconds.
_SECONDS_BELOW, _MICROSECONDS_ABOVE = 100_000_000_000, 100_000_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Report(Struct, frozen=True):
    """One report. `organization` is None when it was left out, which the revision 2024-05 allows (spec R2)."""

    application: int
    action: str
    performed_at: datetime
    organization: int | None


def read(element: object, now: datetime, actions: Collection[str], *, demand_context: bool) -> Report | Refused:
    """Read one report from decoded JSON. `demand_context`: integrationContext must be there (revision `seed`)."""
    if not isinstance(element, dict):
        return Refused(
            Refusal.MALFORMED_BODY,
            f"a report is {kind(element)}; want a JSON object with jobApplicationId, action and performedAt",
        )
    application = _application(element)
    if isinstance(application, Refused):
        return application
    action = element.get("action")
    if action is None:
        return Refused(Refusal.MISSING_FIELD, f"action is missing; want one of {', '.join(actions)}")
    if not isinstance(action, str):
        return Refused(Refusal.WRONG_TYPE, f"action is {kind(action)}; want a string, one of {', '.join(actions)}")
    if action not in actions:
        return Refused(Refusal.UNKNOWN_ACTION, f"action is {shown(action)}; want one of {', '.join(actions)}")
    performed_at = _performed_at(element, now)
    if isinstance(performed_at, Refused):
        return performed_at
    organization = _organization(element, demand_context)
    if isinstance(organization, Refused):
        return organization
    return Report(application, action, performed_at, organization)


def too_early(report: Report, submitted_at: datetime) -> Refused | None:
    """The refusal of a report that lies more than a day before its application was submitted (spec R6)."""
    if report.performed_at >= submitted_at - BEFORE:
        return None
    return Refused(
        Refusal.BAD_TIME,
        f"performedAt is {milliseconds(report.performed_at)}, more than 24 hours before the application was submitted "
        f"({milliseconds(submitted_at)}); want the time of the act in milliseconds since 1970",
    )


def milliseconds(moment: datetime) -> int:
    """A moment as whole milliseconds since the epoch, exactly."""
    return (moment - _EPOCH) // _MILLISECOND


def moment(count: int) -> datetime:
    """Milliseconds since the epoch as a moment, exactly. Raises `OverflowError` beyond the year 9999."""
    return _EPOCH + timedelta(milliseconds=count)


def _application(element: dict[str, object]) -> int | Refused:
    given = element.get("jobApplicationId")
    wanted = "urn:li:jobApplication:N or N alone, as a string"
    if given is None:
        return Refused(Refusal.MISSING_FIELD, f"jobApplicationId is missing; want {wanted}")
    if not isinstance(given, str):
        return Refused(Refusal.WRONG_TYPE, f"jobApplicationId is {kind(given)}; want {wanted}")
    try:
        if given.startswith("urn:"):
            return urn.read(urn.JOB_APPLICATION, given)
        return urn.number(given, wanted)
    except ValueError as error:
        return Refused(Refusal.BAD_URN, f"jobApplicationId is {shown(given)}; {error}")


def _organization(element: dict[str, object], demand: bool) -> int | Refused | None:
    given = element.get("integrationContext")
    wanted = "urn:li:organization:N, the customer's URN from the onboarding widget"
    if given is None:
        return Refused(Refusal.MISSING_FIELD, f"integrationContext is missing; want {wanted}") if demand else None
    if not isinstance(given, str):
        return Refused(Refusal.WRONG_TYPE, f"integrationContext is {kind(given)}; want {wanted}")
    try:
        return urn.read(urn.ORGANIZATION, given)
    except ValueError as error:
        return Refused(Refusal.BAD_URN, f"integrationContext is {shown(given)}; {error}")


def _performed_at(element: dict[str, object], now: datetime) -> datetime | Refused:
    given = element.get("performedAt")
    wanted = "want an integer, milliseconds since 1970"
    if given is None:
        return Refused(Refusal.MISSING_FIELD, f"performedAt is missing; {wanted}")
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 19:
        given = int(given)  # Rest.li reads a string of digits as the number (spec R1)
    if isinstance(given, bool) or not isinstance(given, int):
        got = shown(given) if isinstance(given, str | float) else kind(given)
        return Refused(Refusal.WRONG_TYPE, f"performedAt is {got}; {wanted}")
    if given <= 0:
        return Refused(Refusal.BAD_TIME, f"performedAt is {shown(given)}; {wanted}, above 0")
    if given < _SECONDS_BELOW:
        return Refused(
            Refusal.BAD_TIME,
            f"performedAt is {given}: this looks like seconds; want milliseconds since 1970, such as {given * 1000}",
        )
    if given > _MICROSECONDS_ABOVE:
        return Refused(
            Refusal.BAD_TIME, f"performedAt is {shown(given)}: this looks like micro- or nanoseconds; {wanted}"
        )
    at = moment(given)
    if at > now + AHEAD:
        return Refused(
            Refusal.BAD_TIME,
            f"performedAt is {given}, more than 5 minutes ahead of the board's clock ({milliseconds(now)}); {wanted}",
        )
    return at
