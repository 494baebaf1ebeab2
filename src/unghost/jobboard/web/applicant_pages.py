"""What applicants read: My Jobs, the open jobs, and a job's page with their own status beside it (spec R22).

Each page is one read. Only the session says whose rows they are: no address or form can name another applicant.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import reading
from unghost.jobboard.web import pages
from unghost.jobboard.web.services import Services
from unghost.jobboard.web.sign_in import signed_in


def number_in_path(request: Request) -> int | None:
    """The job's number in `/jobs/<number>`, or None if it cannot be one."""
    return _number(request.path_params["id"])


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else None


async def _my_jobs(request: Request) -> Response:
    services: Services = request.app.state.services
    applicant, found = signed_in(request), None
    if applicant is not None:
        async with services.pool.connection() as connection:
            found = await reading.my_jobs(connection, applicant, services.clock.now(), services.policy)
    if found is None:
        return RedirectResponse("/sign-in", 303, {"cache-control": "no-store"})
    return pages.render(request, "my_jobs.html", reader=found.applicant, applications=found.applications)


async def _jobs(request: Request) -> Response:
    services: Services = request.app.state.services
    below = _number(request.query_params.get("below", ""))
    async with services.pool.connection() as connection:
        found = await reading.open_jobs(connection, signed_in(request), below=below)
    return pages.render(request, "jobs.html", reader=found.applicant, private=found.applicant is not None, found=found)


async def _job(request: Request) -> Response:
    services: Services = request.app.state.services
    number, found = number_in_path(request), None
    if number is not None:
        async with services.pool.connection() as connection:
            found = await reading.job_page(
                connection, number, signed_in(request), services.clock.now(), services.policy
            )
    if found is None:
        return pages.problem(request, 404, "no_job")
    return pages.render(
        request,
        "job.html",
        reader=found.applicant,
        private=found.applicant is not None,
        job=found.job,
        application=found.application,
    )


async def _home(request: Request) -> Response:
    return RedirectResponse("/jobs", 303)


def routes(services: Services) -> list[BaseRoute]:
    """The pages that applicants read."""
    return [
        Route("/", _home, methods=["GET"]),
        Route("/my-jobs", _my_jobs, methods=["GET"]),
        Route("/jobs", _jobs, methods=["GET"]),
        Route("/jobs/{id}", _job, methods=["GET"]),
    ]
