"""`simpleJobPostings`: child applications post their customer's jobs and ask what became of them (spec R27).

A job is stored at once; its task is in progress until the job's webhook has answered the challenge (spec R28).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from starlette.routing import BaseRoute

from unghost.jobboard.accept import Reporter
from unghost.jobboard.rules import reach
from unghost.jobboard.store import posting as store
from unghost.jobboard.store.posting import Standing, Task
from unghost.jobboard.web.access import as_reporter
from unghost.jobboard.web.partner_call import Call, Said, resource
from unghost.jobboard.web.services import Services
from unghost.wire import keys, postings, restli, urn
from unghost.wire.fields import or_refused
from unghost.wire.lifecycle import milliseconds
from unghost.wire.postings import Operation, Posting
from unghost.wire.refusals import Refusal, Refused, shown

FAMILIES = ("/v2", "/rest")
_OFF_SITE = "the first application could not be delivered; mend the webhook, then ask the job board to turn it on again"
_TASK_URN = f"urn:li:{postings.TASK}:"


def routes(services: Services) -> list[BaseRoute]:
    """Post jobs, read tasks, read where jobs stand; below both addresses."""
    found: list[BaseRoute] = []
    for family in FAMILIES:
        found += resource(services, f"{family}/{postings.RESOURCE}", "POST", ("BATCH_CREATE",), _post)
        found += resource(services, f"{family}/{postings.TASKS}", "GET", ("BATCH_GET",), _tasks)
        found += resource(services, f"{family}/{postings.STATUS}", "GET", ("BATCH_GET",), _status)
    return found


async def _post(call: Call) -> Said | Refused:
    reporter = as_reporter(call.holder)
    if isinstance(reporter, Refused):
        return reporter
    if call.request.headers.get("x-restli-method") is None:
        return Refused(Refusal.WRONG_METHOD, "X-RestLi-Method is missing; this resource takes batch_create")
    body = await call.body(restli.BATCH_LIMIT)
    given = body if isinstance(body, Refused) else postings.elements(body)
    if isinstance(given, Refused):
        return given
    answers = [await _one(call, reporter, element) for element in given]
    async with call.services.pool.connection() as connection:
        await store.drop_old_tasks(connection, call.now)
    return Said(200, {"elements": answers})


async def _one(call: Call, reporter: Reporter, element: object) -> dict[str, Any]:
    """The answer to one element; each is stored for itself."""
    posting = postings.read(element)
    refused = posting if isinstance(posting, Refused) else _objection(call.services, reporter, posting)
    if refused is None and isinstance(posting, Posting):
        task = uuid4()
        async with call.services.pool.connection() as connection:
            assert reporter.organization is not None
            known = await store.post(
                connection,
                task=task,
                oauth_application=reporter.oauth_application,
                organization=reporter.organization,
                posting=posting,
                now=call.now,
            )
        if known:
            key = f"{_TASK_URN}{task}"
            return {"status": 202, "id": key, "location": f"/{postings.RESOURCE}/{quote(key, safe='')}"}
        refused = Refused(
            Refusal.UNKNOWN_JOB,
            f"externalJobPostingId is {shown(posting.external_id)}, which this customer has no job of; want one that "
            "was created before",
        )
    assert refused is not None
    return {"status": refused.status, "error": refused.body()}


def _objection(services: Services, reporter: Reporter, posting: Posting) -> Refused | None:
    """Why this child application may not post this."""
    if posting.organization not in (None, reporter.organization):
        return Refused(
            Refusal.OTHER_CUSTOMER,
            f"integrationContext or company is {urn.write(urn.ORGANIZATION, posting.organization or 0)}; this child "
            f"application posts for {urn.write(urn.ORGANIZATION, reporter.organization or 0)}",
        )
    if posting.webhook_url is None:
        return None
    try:
        reach.target(posting.webhook_url, services.settings.webhook_networks)
    except reach.Forbidden as forbidden:
        return Refused(Refusal.BAD_VALUE, f"onsiteApplyConfiguration.jobApplicationWebhookUrl: {forbidden}")
    return None


async def _tasks(call: Call) -> Said | Refused:
    reporter = as_reporter(call.holder)
    if isinstance(reporter, Refused):
        return reporter
    asked = or_refused(lambda: keys.plain(call.request.url.query))
    if isinstance(asked, Refused):
        return asked
    ids = {key: _task_id(key) for key in asked}
    async with call.services.pool.connection() as connection:
        named = [id for id in ids.values() if id is not None]
        found = {task.id: task for task in await store.tasks(connection, reporter.oauth_application, named, call.now)}
    results = {key: _task(key, found[id]) for key, id in ids.items() if id in found}
    return _batch(asked, results, Refusal.UNKNOWN_TASK, f"want {_TASK_URN}… as a batch_create answered it")


def _task(key: str, task: Task) -> dict[str, Any]:
    status = "SUCCEEDED"
    if task.operation != Operation.CLOSE and task.webhook is not None:
        status = {"unverified": "IN_PROGRESS", "blocked": "FAILED"}.get(task.webhook, status)
    told: dict[str, Any] = {
        "id": key,
        "status": status,
        "externalJobPostingId": task.external_id,
        "location": task.location,
        "jobPosting": urn.write(postings.JOB_POSTING, task.job_id),
    }
    if status == "FAILED":
        told["errorMessage"] = _blocked(task.detail)
    elif status == "IN_PROGRESS" and task.detail:
        told["errorMessage"] = _not_passed(task.detail)
    return told


async def _status(call: Call) -> Said | Refused:
    reporter = as_reporter(call.holder)
    if isinstance(reporter, Refused):
        return reporter
    asked = or_refused(lambda: keys.plain(call.request.url.query))
    if isinstance(asked, Refused):
        return asked
    ids = {key: _job_id(key) for key in asked}
    async with call.services.pool.connection() as connection:
        assert reporter.organization is not None
        named = [id for id in ids.values() if id is not None]
        found = {job.job_id: job for job in await store.standings(connection, reporter.organization, named)}
    base_url = call.services.settings.base_url
    results = {key: _standing(found[id], base_url) for key, id in ids.items() if id in found}
    return _batch(
        asked, results, Refusal.UNKNOWN_JOB, f"want urn:li:{postings.JOB_POSTING}:N of a job of this customer"
    )


def _standing(job: Standing, base_url: str) -> dict[str, Any]:
    listed = job.closed_at is None
    apply = {"verified": "ENABLED", "unverified": "IN_PROGRESS"}.get(job.webhook or "", "NOT_ENABLED")
    told: dict[str, Any] = {
        "externalJobPostingId": job.external_id,
        "rawLocation": job.location,
        "listingStatus": "LISTED" if listed else "NOT_LISTED",
        "linkedInApplyStatus": "NOT_ENABLED" if job.off_site_since or not listed else apply,
        "jobPostingInfo": {"listedAt": milliseconds(job.listed_at), "location": job.location},
    }
    if listed:
        told["jobPostingUrl"] = f"{base_url}/jobs/{job.job_id}"
    if job.off_site_since is not None:
        told["linkedInApplyStatusDetail"] = {"statusMessage": _OFF_SITE}
    elif job.webhook == "blocked":
        told["linkedInApplyStatusDetail"] = {"statusMessage": _blocked(job.detail)}
    elif job.webhook == "unverified" and job.detail:
        told["linkedInApplyStatusDetail"] = {"statusMessage": _not_passed(job.detail)}
    return told


def _blocked(detail: str | None) -> str:
    met = f" ({detail})" if detail else ""
    return f"the webhook did not pass the challenge{met}; mend it and post the job again"


def _not_passed(detail: str) -> str:
    return (
        f"the webhook has not passed the challenge yet ({detail}); mend it, and post the job again to have it asked now"
    )


def _batch(asked: Sequence[str], results: dict[str, Any], unknown: Refusal, wanted: str) -> Said:
    """A batch_get's answer; what is not there has an error of its own."""
    errors = {
        key: Refused(unknown, f"{shown(key)} is not there; {wanted}").body() for key in asked if key not in results
    }
    return Said(200, {"results": results, "statuses": {}, "errors": errors})


def _task_id(key: str) -> UUID | None:
    text = key.removeprefix(_TASK_URN)
    try:
        id = UUID(text)
    except ValueError:
        return None
    return id if key == f"{_TASK_URN}{id}" else None


def _job_id(key: str) -> int | None:
    try:
        return urn.read(postings.JOB_POSTING, key)
    except ValueError:
        return None
