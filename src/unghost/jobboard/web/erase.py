"""An applicant erases their own data: a page that says what that means, and the step itself (spec R20).

Only the session says whose data they are: links in mails, which may be forwarded, cannot erase. GET changes nothing.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import reading
from unghost.jobboard.web import pages
from unghost.jobboard.web.services import Services
from unghost.jobboard.web.sign_in import signed_in, signed_out


async def _show(request: Request) -> Response:
    found = await _my_jobs(request)
    if found is None:
        return _to_sign_in()
    return pages.render(request, "erase.html", reader=found.applicant, companies=_companies(found))


async def _erase(request: Request) -> Response:
    if pages.from_elsewhere(request):
        return pages.problem(request, 403, "elsewhere")
    services: Services = request.app.state.services
    found = await _my_jobs(request)
    if found is None:
        return _to_sign_in()
    await services.eraser.erase(services.pool.connection, found.applicant.id)
    language = found.applicant.language
    return signed_out(pages.render(request, "erased.html", language=language, companies=_companies(found)))


async def _my_jobs(request: Request) -> reading.MyJobs | None:
    services: Services = request.app.state.services
    applicant = signed_in(request)
    if applicant is None:
        return None
    async with services.pool.connection() as connection:
        return await reading.my_jobs(connection, applicant, services.clock.now(), services.policy)


def _companies(found: reading.MyJobs) -> list[str]:
    """Who got an application, and so has a copy of it."""
    return sorted({application.job.company for application in found.applications}, key=str.casefold)


def _to_sign_in() -> Response:
    return RedirectResponse("/sign-in", 303, {"cache-control": "no-store"})


def routes(services: Services) -> list[BaseRoute]:
    """The page and its form."""
    return [Route("/erase", _show, methods=["GET"]), Route("/erase", _erase, methods=["POST"])]
