"""The shapes of what partners call besides lifecycle actions; the calls are described in openapi_partners (R25, R27).

Names and limits are those that wire/ reads by.
"""

from __future__ import annotations

from unghost.jobboard.web.openapi_wire import Json, ref
from unghost.wire import postings
from unghost.wire import provisioning as described
from unghost.wire.fields import LONGEST_URL

_NUMBER = "[1-9][0-9]{0,18}"
_STRING: Json = {"type": "string"}
_ORGANIZATION: Json = {
    "type": "string",
    "pattern": f"^urn:li:organization:{_NUMBER}$",
    "examples": ["urn:li:organization:12345"],
}


def text(longest: int, example: str, said: str = "") -> Json:
    """A text that must not be empty."""
    told: Json = {"type": "string", "minLength": 1, "maxLength": longest, "examples": [example]}
    return told | ({"description": said} if said else {})


def schemas() -> dict[str, Json]:
    """Every shape."""
    return _provisioning() | _integrations() | _jobs()


def _provisioning() -> dict[str, Json]:
    changeable: Json = {
        "name": text(described.LONGEST_NAME, "Your ATS - Nordlicht", 'Without "LinkedIn".'),
        "description": text(described.LONGEST_DESCRIPTION, "Nordlicht's integration"),
        "oauth2AuthorizedCallbackUrls": _addresses(LONGEST_URL, "https://ats.example/callback"),
        "validJsSdkDomains": _addresses(
            300, "https://ats.example", "Origins whose pages may embed the consent widget."
        ),
    }
    foreign = text(described.LONGEST_ID, "customer-4711", "The customer's name at the partner's; each once.")
    child = {"uniqueForeignId": foreign, **changeable}
    made: Json = {
        "key": {"type": "string", "pattern": f"^urn:li:developerApplication:{_NUMBER}$"},
        "credentials": _object({"client_id": _STRING, "client_secret": _STRING}, ("client_id",)),
    }
    needed = ("uniqueForeignId", "name", "description")
    patch = _object({"$set": _object(changeable)}, ("$set",))
    return {
        "ChildApplication": _object(child, needed, "A child application to be made."),
        "ChildApplicationMade": _object(made, tuple(made)),
        "ChildApplicationPatch": _object({"patch": patch}, ("patch",)),
        "ChildApplicationFound": _object(made | child, (*made, *child)),
        "ChildApplicationsFound": _object(
            {"elements": {"type": "array", "items": ref("ChildApplicationFound")}}, ("elements",)
        ),
    }


def _integrations() -> dict[str, Json]:
    name = _object({"integrationName": text(described.LONGEST_ID, "Nordlicht in Your ATS")}, ("integrationName",))
    patch = _object({"patch": _object({"$set": name}, ("$set",))}, ("patch",))
    key = described.IntegrationKey(12345).written("1.0.0")
    example = {key: {"patch": {"$set": {"integrationName": "Nordlicht in Your ATS"}}}}
    named: Json = {
        "results": _by_key(_object({"status": {"const": 204}}, ("status",))),
        "errors": _by_key(ref("WireRefusal")),
    }
    integration: Json = {
        "integrationContext": _STRING,
        **{name: {"const": value} for name, value in described.KIND.items()},
        "integrationName": _STRING,
        "applicantNotifications": {"type": "boolean", "description": "Has the customer ticked the box?"},
    }
    return {
        "IntegrationNames": _object(
            {"entities": _by_key(patch) | {"examples": [example]}}, ("entities",), "The keys are those of ids."
        ),
        "IntegrationsNamed": _object(named, tuple(named)),
        "Integration": _object(integration, tuple(integration)),
        "Integrations": _batch("Integration"),
    }


def _jobs() -> dict[str, Json]:
    url = {"type": "string", "maxLength": LONGEST_URL, "pattern": "^https?://", "examples": ["https://ats.example/7"]}
    webhook = text(LONGEST_URL, "https://ats.example/applications", "Where applications are delivered.")
    posting: Json = {
        "externalJobPostingId": text(postings.LONGEST_ID, "job-7"),
        "jobPostingOperationType": {"enum": list(postings.Operation), "description": "Left out: CREATE."},
        "title": text(postings.LONGEST_TITLE, "Carpenter"),
        "description": text(postings.LONGEST_DESCRIPTION, "We build with wood.", "HTML becomes plain text."),
        "listedAt": {"type": "integer", "format": "int64", "description": "Milliseconds since 1970."},
        "location": text(postings.LONGEST_LOCATION, "Kiel, Germany"),
        "companyApplyUrl": url | {"description": "Where to apply when members cannot apply here."},
        "integrationContext": _ORGANIZATION | {"description": "The customer; left out: the child application's."},
        "company": _ORGANIZATION | {"description": "The same, by its newer name."},
        "onsiteApplyConfiguration": _object({"jobApplicationWebhookUrl": webhook}),
    }
    posting["jobPostingOperationType"]["examples"] = ["CREATE"]
    posting["listedAt"]["examples"] = [1604600000017]
    answer: Json = {"status": {"type": "integer"}, "id": _STRING, "location": _STRING, "error": ref("WireRefusal")}
    task: Json = {
        "id": _STRING,
        "status": {"enum": ["IN_PROGRESS", "SUCCEEDED", "FAILED"]},
        "externalJobPostingId": _STRING,
        "location": {"type": "string", "description": "As it was posted."},
        "jobPosting": {"type": "string", "description": "urn:li:jobPosting:N."},
    }
    status: Json = {
        "externalJobPostingId": _STRING,
        "rawLocation": _STRING,
        "listingStatus": {"enum": ["LISTED", "NOT_LISTED"]},
        "linkedInApplyStatus": {"enum": ["ENABLED", "NOT_ENABLED", "IN_PROGRESS"]},
        "jobPostingInfo": _object({"listedAt": {"type": "integer"}, "location": _STRING}, ("listedAt", "location")),
    }
    failed = {"errorMessage": {"type": "string", "description": "Why it is FAILED, or what the last challenge met."}}
    detail = {
        "linkedInApplyStatusDetail": _object({"statusMessage": _STRING}, ("statusMessage",)),
        "jobPostingUrl": {"type": "string", "description": "The job's page, while it is listed."},
    }
    several: Json = {"type": "array", "items": ref("JobPosting"), "maxItems": postings.ELEMENTS_LIMIT}
    answers: Json = {"type": "array", "items": ref("JobPostingAnswer")}
    return {
        "JobPosting": _object(
            posting, ("externalJobPostingId",), "In an UPDATE what is left out stays; a CLOSE needs the id alone."
        ),
        "JobPostings": _object({"elements": several}, ("elements",)),
        "JobPostingAnswer": _object(
            answer, ("status",), "`id` (the task's URN) and `location` with status 202, else `error`."
        ),
        "JobPostingAnswers": _object({"elements": answers}, ("elements",)),
        "JobPostingTask": _object(task | failed, tuple(task)),
        "JobPostingTasks": _batch("JobPostingTask"),
        "JobPostingStatus": _object(status | detail, tuple(status)),
        "JobPostingStatuses": _batch("JobPostingStatus"),
    }


def _object(properties: Json, required: tuple[str, ...] = (), said: str = "") -> Json:
    told: Json = {"type": "object", "properties": properties, "required": list(required)}
    return told | ({"description": said} if said else {})


def _by_key(value: Json) -> Json:
    return {"type": "object", "additionalProperties": value}


def _addresses(longest: int, example: str, said: str = "") -> Json:
    items: Json = {"type": "string", "maxLength": longest, "examples": [example]}
    told: Json = {"type": "array", "maxItems": described.MOST_ADDRESSES, "items": items}
    return told | ({"description": said} if said else {})


def _batch(shape: str) -> Json:
    answer: Json = {
        "results": _by_key(ref(shape)),
        "statuses": {"type": "object"},
        "errors": _by_key(ref("WireRefusal")),
    }
    return _object(answer, tuple(answer), "By key; what is not there is among the errors.")
