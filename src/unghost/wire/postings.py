"""A job that a partner posts: one element of a batch of `simpleJobPostings` (spec R27).

Pure. Of LinkedIn's many fields those are read that the board acts by; the others, and unknown ones, are left alone.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from html import unescape

from msgspec import Struct

from unghost.wire.fields import Fields, Unfit, or_refused
from unghost.wire.provisioning import organization
from unghost.wire.refusals import Refusal, Refused

RESOURCE, TASKS, STATUS = "simpleJobPostings", "simpleJobPostingTasks", "jobPostingStatus"
TASK, JOB_POSTING = "simpleJobPostingTask", "jobPosting"
#: LinkedIn's limits.
ELEMENTS_LIMIT, LONGEST_ID, LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_LOCATION = 100, 75, 200, 25_000, 200

_OBJECT = "a JSON object with externalJobPostingId and title"
#: What a tag of a description becomes; all others become nothing.
_BLOCKS = ("p", "div", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "section", "blockquote")
_BREAKS = dict.fromkeys(_BLOCKS, "\n\n") | {"br": "\n", "tr": "\n", "li": "\n• "}
#: Each looks no further than the next bracket, so that no description takes long.
_TAG = re.compile(r"<!--[^<>]*-->|<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?![A-Za-z0-9])[^<>]*>")
_MARKUP = re.compile(_TAG.pattern + r"|&[A-Za-z#0-9]{2,10};")


class Operation(StrEnum):
    """What becomes of the job. LinkedIn has more; those are for paid listings, and refused by name."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    CLOSE = "CLOSE"


class Posting(Struct, frozen=True):
    """What is posted. None: left out, so it stays as it is."""

    external_id: str
    operation: Operation
    title: str | None
    description: str | None
    location: str | None
    listed_at: datetime | None
    company_apply_url: str | None
    webhook_url: str | None
    organization: int | None


def read(element: object) -> Posting | Refused:
    """Read one element."""

    def posting() -> Posting:
        given = Fields(element, _OBJECT)
        external_id = given.needed("externalJobPostingId", LONGEST_ID)
        operation = Operation(given.one_of("jobPostingOperationType", tuple(Operation)) or Operation.CREATE)
        title = given.text("title", LONGEST_TITLE)
        if title is None and operation is Operation.CREATE:
            raise Unfit(Refusal.MISSING_FIELD, f"title is missing; want text of 1 to {LONGEST_TITLE} characters")
        description = given.text("description", LONGEST_DESCRIPTION, lines=True)
        onsite = given.within("onsiteApplyConfiguration", "a JSON object with jobApplicationWebhookUrl")
        return Posting(
            external_id=external_id,
            operation=operation,
            title=title,
            description=None if description is None else plain(description),
            location=given.text("location", LONGEST_LOCATION),
            listed_at=given.time("listedAt"),
            company_apply_url=given.url("companyApplyUrl"),
            webhook_url=None if onsite is None else onsite.url("jobApplicationWebhookUrl"),
            organization=_customer(given),
        )

    return or_refused(posting)


def elements(body: object) -> list[object] | Refused:
    """The elements of a batch."""
    given = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(given, list):
        return Refused(Refusal.MALFORMED_BODY, 'elements is not an array; want {"elements": [job, …]}')
    if len(given) > ELEMENTS_LIMIT:
        said = f"elements has {len(given)} jobs; want at most {ELEMENTS_LIMIT} in one batch"
        return Refused(Refusal.TOO_MANY_ELEMENTS, said)
    return given


def _customer(given: Fields) -> int | None:
    """The customer, by either of the names that LinkedIn's clients have for it."""
    found = {field: given.text(field, 255) for field in ("integrationContext", "company")}
    numbers = {field: organization(urn, given.name(field)) for field, urn in found.items() if urn is not None}
    if len(set(numbers.values())) > 1:
        raise Unfit(Refusal.BAD_VALUE, "company and integrationContext name different customers; want one of them")
    return next(iter(numbers.values()), None)


def plain(description: str) -> str:
    """A description as plain text: ATSs send the HTML that they show, and the job's page shows text."""
    if not _MARKUP.search(description):
        return description
    parts: list[str] = []
    end, hidden = 0, ""
    for tag in _TAG.finditer(description):
        parts.append("" if hidden else description[end : tag.start()])
        end, name = tag.end(), (tag["name"] or "").lower()
        if name in ("script", "style"):
            hidden = "" if tag["closes"] else name
        elif not hidden:
            parts.append(_BREAKS.get(name, "") if name != "li" or not tag["closes"] else "")
    parts.append("" if hidden else description[end:])
    lines = (" ".join(line.split()) for line in unescape("".join(parts)).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
