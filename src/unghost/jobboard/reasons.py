"""What has become of a notice, in a plain sentence (spec R17). Pure; `now` is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from unghost.jobboard.rules.plan import Reason, State
from unghost.jobboard.rules.policy import PAGES, Place
from unghost.jobboard.store.challenging import State as Webhook
from unghost.jobboard.store.delivering import State as Delivering
from unghost.jobboard.store.explaining import Action, Application, Delivery, Notice

_WITHHELD: Mapping[str, str] = {
    Reason.NO_CONSENT: "the customer had not ticked “Applicant notifications” when the report was received",
    Reason.CONSENT_WITHDRAWN: "the customer unticked “Applicant notifications” between its report and its due time",
    Reason.ALREADY_TOLD: "the applicant is told this once per application, and it was told or waiting already",
    Reason.AFTER_DECISION: "the applicant had been told of a rejection: nothing newer is shown, and nothing mailed",
    Reason.WITHDRAWN: "whoever reported it took it back before it was told",
    Reason.TURNED_OFF: "the applicant has turned mails of this kind off",
    Reason.ADDRESS_SUPPRESSED: "no mail goes to the applicant's address any more after a bounce or complaint",
    Reason.UNDELIVERABLE: "the mail could not be delivered and was given up",
    Reason.HOLD_UNREADABLE: "its hold could not be read, and then nothing is told",
}


def why(reason: str) -> str:
    """Why notices with this reason are withheld."""
    return _WITHHELD.get(reason, reason)


def sentence(action: Action, notice: Notice, *, now: datetime) -> str:
    """Why the applicant was, was not, or is not yet told at this place."""
    held = f", after a hold of {span(action, notice)}" if notice.due_at > action.received_at else ""
    if notice.state == State.TOLD:
        how = "shown on the page" if Place(notice.place) in PAGES else "handed to the mail server"
        return f"{how} at {_moment(notice.told_at)}{held}"
    if notice.state == State.WITHHELD:
        return f"withheld: {why(notice.reason or '')}"
    if notice.due_at > now:
        stands = action.consent_stands or action.reported_by is None
        then = "" if stands else ", and then it is withheld: the customer has unticked “Applicant notifications” since"
        return f"held until {_moment(notice.due_at)}; nobody sees it before{then}"
    if notice.redriven_at is not None:
        back = f"put back by an operator at {_moment(notice.redriven_at)}"
        return f"due since {_moment(notice.due_at)}; {back}, next attempt at {_moment(notice.attempt_at)}"
    if notice.attempts == 0:
        return f"due since {_moment(notice.due_at)}; no dispatcher has taken it yet: is `unghost work` running?"
    return f"due since {_moment(notice.due_at)}; tried {notice.attempts} times, next at {_moment(notice.attempt_at)}"


def delivered(delivery: Delivery | None) -> str:
    """What has become of an application on its way to the ATS (spec R28)."""
    if delivery is None:
        return "not delivered: its job has no webhook, or was off-site when it came"
    if delivery.state == Delivering.DELIVERED:
        return f"delivered to the ATS at {_moment(delivery.delivered_at)}"
    if delivery.state == Delivering.FAILED:
        return f"given up after {delivery.failures} sends: `unghost redrive delivery` sends it again"
    if delivery.webhook != Webhook.VERIFIED:
        return f"waits until its webhook has answered a challenge; it is {delivery.webhook}"
    if delivery.failures == 0:
        return f"waits since {_moment(delivery.attempt_at)}: is `unghost work` running?"
    return f"sent {delivery.failures} times in vain, again at {_moment(delivery.attempt_at)}"


def as_data(
    application: Application, actions: Sequence[Action], delivery: Delivery | None, now: datetime
) -> dict[str, Any]:
    """All that is known of an application, as JSON: what `unghost explain` and the sandbox's control server give."""
    return {
        "application": f"urn:li:jobApplication:{application.number}",
        "organization": f"urn:li:organization:{application.organization}",
        "customer": application.customer,
        "job": application.job,
        "submitted_at": application.submitted_at.isoformat(),
        "consent_now": application.consent_now,
        "mail_to": application.mail_to,
        "delivery": delivered(delivery),
        "actions": [
            {
                "id": action.id,
                "action": action.action,
                "performed_at": action.performed_at.isoformat(),
                "received_at": action.received_at.isoformat(),
                "reported_by": action.reported_by,
                "partner": action.partner,
                "consent_then": action.consent_then if action.reported_by else None,
                "consent_stands": action.consent_stands if action.reported_by else None,
                "notices": [
                    {
                        "place": notice.place,
                        "state": notice.state,
                        "reason": notice.reason,
                        "sentence": sentence(action, notice, now=now),
                        "due_at": notice.due_at.isoformat(),
                        "told_at": notice.told_at and notice.told_at.isoformat(),
                        "attempts": notice.attempts,
                        "next_attempt_at": notice.attempt_at and notice.attempt_at.isoformat(),
                        "redriven_at": notice.redriven_at and notice.redriven_at.isoformat(),
                        "detail": notice.detail,
                    }
                    for notice in action.notices
                ],
            }
            for action in actions
        ],
    }


def span(action: Action, notice: Notice) -> str:
    """The length of a notice's hold, counted from the later of receipt and `performedAt` (spec R16)."""
    seconds = round((notice.due_at - max(action.received_at, action.performed_at)).total_seconds())
    for size, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _moment(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
