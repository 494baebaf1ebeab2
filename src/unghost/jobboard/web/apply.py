"""The apply page: a form in, an application with its SUBMITTED out (spec R28).

What anyone types here proves nothing about who they are: it signs nobody in, shows nobody's data, and changes
nothing that is already known about the applicant with that address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard import metrics
from unghost.jobboard.rules.naming import unfit
from unghost.jobboard.rules.policy import SUBMITTED
from unghost.jobboard.store import reading, registering
from unghost.jobboard.web import forms, pages
from unghost.jobboard.web.applicant_pages import number_in_path
from unghost.jobboard.web.services import Services
from unghost.jobboard.web.sign_in import signed_in

LARGEST_RESUME = 5 * 1024 * 1024
_LONGEST_NAME = 200
#: A field that people do not see; whoever fills it in is a program.
_TRAP = "website"
_AREAS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_KINDS = {
    "pdf": (b"%PDF-", "application/pdf"),
    "doc": (b"\xd0\xcf\x11\xe0", "application/msword"),
    "docx": (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "txt": (b"", "text/plain"),
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@cache
def time_zones() -> dict[str, tuple[str, ...]]:
    """The time zones to choose from, by area."""
    names = sorted(available_timezones())
    return {area: tuple(name for name in names if name.startswith(f"{area}/")) for area in _AREAS}


def own_name(language: str) -> str:
    """What speakers of a language call it, e.g. `Deutsch` for `de`."""
    name = Locale.parse(language).get_language_name(language) or language
    return name[:1].upper() + name[1:]


@dataclass(slots=True)
class Filled:
    """The form as it was filled in, and what is wrong with it: field -> wording under `pages.apply.error`."""

    texts: Mapping[str, str]
    wrong: dict[str, str] = field(default_factory=dict)
    email: str = ""
    language: str = "en"
    time_zone: str = "UTC"
    resume: forms.File | None = None
    media_type: str = ""


def _check(form: forms.Form, languages: tuple[str, ...], *, known: bool) -> Filled:
    """Read the form; `known`: the applicant is signed in, so only the résumé is asked for."""
    filled = Filled(form.texts)
    if not known:
        _check_person(filled, languages)
    resume = form.files.get("resume")
    if resume is None:
        filled.wrong["resume"] = "resume_missing"
    elif not resume.content:
        filled.wrong["resume"] = "resume_empty"
    elif len(resume.content) > LARGEST_RESUME:
        filled.wrong["resume"] = "resume_large"
    elif (media_type := _media_type(resume)) is None:
        filled.wrong["resume"] = "resume_kind"
    else:
        filled.resume, filled.media_type = resume, media_type
    return filled


def _check_person(filled: Filled, languages: tuple[str, ...]) -> None:
    texts = filled.texts
    if not texts.get("name"):
        filled.wrong["name"] = "name_missing"
    elif len(texts["name"]) > _LONGEST_NAME:
        filled.wrong["name"] = "name_long"
    elif unfit(texts["name"]):
        filled.wrong["name"] = "name_wrong"
    if not texts.get("email"):
        filled.wrong["email"] = "email_missing"
    elif (email := forms.address(texts["email"])) is None:
        filled.wrong["email"] = "email_wrong"
    else:
        filled.email = email
    filled.language = texts.get("language", "en")
    if filled.language not in languages:
        filled.wrong["language"] = "language_wrong"
    filled.time_zone = texts.get("time_zone") or "UTC"
    if filled.time_zone != "UTC" and filled.time_zone not in available_timezones():
        filled.wrong["time_zone"] = "time_zone_wrong"


def _media_type(resume: forms.File) -> str | None:
    """What the file is, by its name and its first bytes; None: nothing that is taken."""
    opening, media_type = _KINDS.get(resume.name.rpartition(".")[2].lower(), (b"", ""))
    if not media_type or not resume.content.startswith(opening):
        return None
    if media_type == "text/plain" and b"\0" in resume.content and not resume.content.startswith(_UTF16):
        return None
    return media_type


def _taken_here(job: reading.Job) -> bool:
    """Does the job take applications on this board? Its page says where else it does, or that it is closed."""
    return job.closed_at is None and job.off_site_since is None


async def _page(request: Request) -> reading.JobPage | None:
    services: Services = request.app.state.services
    number = number_in_path(request)
    if number is None:
        return None
    async with services.pool.connection() as connection:
        return await reading.job_page(connection, number, signed_in(request), services.clock.now(), services.policy)


def _form(request: Request, page: reading.JobPage, filled: Filled, status: int = 200) -> Response:
    return pages.render(
        request,
        "apply.html",
        status=status,
        reader=page.applicant,
        job=page.job,
        filled=filled,
        languages={code: own_name(code) for code in request.app.state.services.wording.languages},
        time_zones=time_zones(),
        trap=_TRAP,
    )


async def _get(request: Request) -> Response:
    page = await _page(request)
    if page is None:
        return pages.problem(request, 404, "no_job")
    if page.application is not None or not _taken_here(page.job):
        return RedirectResponse(f"/jobs/{page.job.id}", 303)
    return _form(request, page, Filled({"language": pages.language_of(request)}))


async def _post(request: Request) -> Response:
    if pages.from_elsewhere(request):
        return pages.problem(request, 403, "elsewhere")
    try:
        form = await forms.read(request, largest_file=LARGEST_RESUME)
    except forms.BadForm as error:
        return pages.problem(request, error.status)
    page = await _page(request)
    if page is None:
        return pages.problem(request, 404, "no_job")
    done = RedirectResponse(f"/jobs/{page.job.id}" + ("" if page.applicant else "/applied"), 303)
    if page.application is not None or form.texts.get(_TRAP):
        return done
    if not _taken_here(page.job):
        return RedirectResponse(f"/jobs/{page.job.id}", 303)
    filled = _check(form, request.app.state.services.wording.languages, known=page.applicant is not None)
    if filled.resume is None or filled.wrong:
        return _form(request, page, filled, 422)
    try:
        await _store(request.app.state.services, page, filled, filled.resume)
    except registering.UnknownApplicant:  # erased a moment ago, from another page: they are asked who they are
        return RedirectResponse(f"/jobs/{page.job.id}/apply", 303)
    return done


async def _store(services: Services, page: reading.JobPage, filled: Filled, resume: forms.File) -> None:
    now = services.clock.now()
    async with services.pool.connection() as connection:
        if page.applicant is not None:
            applicant = page.applicant.id
        else:
            applicant = await registering.applicant_of_address(
                connection,
                email=filled.email,
                name=filled.texts["name"],
                language=filled.language,
                time_zone=filled.time_zone,
                now=now,
            )
        registered = await registering.register_application(
            connection,
            job_id=page.job.id,
            applicant_id=applicant,
            submitted_at=now,
            now=now,
            policy=services.policy,
            tombstones=services.tombstones,
        )
        if registered.created:
            await registering.store_resume(
                connection,
                application_number=registered.number,
                file_name=resume.name,
                media_type=filled.media_type,
                content=resume.content,
                now=now,
            )
    metrics.stored((SUBMITTED, notice) for notice in registered.notices)


async def _applied(request: Request) -> Response:
    page = await _page(request)
    if page is None:
        return pages.problem(request, 404, "no_job")
    if page.applicant is not None:
        return RedirectResponse(f"/jobs/{page.job.id}", 303)
    return pages.render(request, "applied.html", job=page.job)


def routes(services: Services) -> list[BaseRoute]:
    """Applying for a job."""
    return [
        Route("/jobs/{id}/apply", _get, methods=["GET"]),
        Route("/jobs/{id}/apply", _post, methods=["POST"]),
        Route("/jobs/{id}/applied", _applied, methods=["GET"]),
    ]
