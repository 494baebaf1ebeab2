"""Signs applicants in and out: by a mailed link, or by a token the job board signed (spec R24). No passwords.

Whether an address is known can be told neither from an answer nor from how long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import LINK_LIFE, SESSION_LIFE, BadLink, For
from unghost.jobboard.store import reading
from unghost.jobboard.web import board_token, forms, link_mail, pages
from unghost.jobboard.web.board_token import Audience, BadToken

if TYPE_CHECKING:
    from unghost.jobboard.web.services import Services  # which imports web/live, and so this module

#: The cookie of an applicant's session: a signed word, no name and no address.
COOKIE = "unghost_applicant"


def signed_in(request: Request) -> int | None:
    """The id of the applicant whose session this is, or None. They may have been erased since."""
    services: Services = request.app.state.services
    try:
        return services.links.read(For.APPLICANT_SESSION, request.cookies.get(COOKIE, ""), services.clock.now())
    except BadLink:
        return None


def signed_out(response: Response) -> Response:
    """The response, which also ends the browser's session."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


def _open_session(request: Request, applicant: int) -> Response:
    services: Services = request.app.state.services
    response = RedirectResponse("/my-jobs", 303, {"cache-control": "no-store"})
    word = services.links.make(For.APPLICANT_SESSION, applicant, services.clock.now() + SESSION_LIFE)
    response.set_cookie(
        COOKIE,
        word,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=services.settings.base_url.startswith("https:"),
    )
    return response


async def _get(request: Request) -> Response:
    services: Services = request.app.state.services
    if "word" in request.query_params:
        try:
            applicant = services.links.read(For.APPLICANT_LINK, request.query_params["word"], services.clock.now())
        except BadLink as error:
            return _refused(request, "expired" if error.expired else "broken")
        return _open_session(request, applicant)
    if "token" in request.query_params:
        return await _by_token(request, request.query_params["token"])
    return _form(request)


async def _by_token(request: Request, token: str) -> Response:
    services: Services = request.app.state.services
    try:
        member = board_token.read(token, services.settings.board_token_key, Audience.SIGN_IN, services.clock.now())
    except BadToken as error:
        return _refused(request, "expired" if error.expired else "broken")
    async with services.pool.connection() as connection:
        applicant = await reading.applicant_named(connection, member.external_id)
    return _open_session(request, applicant.id) if applicant else _refused(request, "broken")


def _form(request: Request, *, status: int = 200, email: str = "", wrong: bool = False) -> Response:
    return pages.render(request, "sign_in.html", status=status, email=email, wrong=wrong, problem=None, life=LINK_LIFE)


def _refused(request: Request, problem: str) -> Response:
    return pages.render(request, "sign_in.html", status=401, email="", wrong=False, problem=problem, life=LINK_LIFE)


async def _post(request: Request, links: LinkMails) -> Response:
    if pages.from_elsewhere(request):
        return pages.problem(request, 403, "elsewhere")
    try:
        form = await forms.read(request)
    except forms.BadForm as error:
        return pages.problem(request, error.status)
    email = forms.address(form.texts.get("email", ""))
    if email is None:
        return _form(request, status=422, email=form.texts.get("email", ""), wrong=True)
    mail = BackgroundTask(links.mail, email, pages.language_of(request))
    return pages.render(request, "sign_in_sent.html", life=LINK_LIFE, background=mail)


class LinkMails:
    """Mails sign-in links to applicants."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._few = link_mail.Few()

    async def mail(self, email: str, language: str) -> None:
        """Mail a link to the applicant with that address, if there is one. Runs after the answer has gone out."""
        services = self._services
        now = services.clock.now()
        async with services.pool.connection() as connection:
            applicant = await reading.applicant_at(connection, email)
        if applicant is None or not self._few.may_mail(applicant.id, now):
            return
        word = services.links.make(For.APPLICANT_LINK, applicant.id, now + LINK_LIFE)

        def say(key: str, **values: str) -> str:
            return services.wording.say(language, f"pages.sign_in.mail.{key}", **values)

        board = services.settings.board_name
        text = "\n\n".join(
            (
                f"{say('greeting')}\n\n{say('text')}",
                f"{services.settings.base_url}/sign-in?word={word}",
                say("life", life=pages.lasting(LINK_LIFE, language)),
                say("not_you"),
                board,
            )
        )
        await link_mail.send(services.settings, applicant.email, language, say("subject", board=board), text, now)


async def _sign_out(request: Request) -> Response:
    if pages.from_elsewhere(request):
        return pages.problem(request, 403, "elsewhere")
    return signed_out(RedirectResponse("/jobs", 303, {"cache-control": "no-store"}))


def routes(services: Services) -> list[BaseRoute]:
    """Signing in and out."""
    links = LinkMails(services)

    async def post(request: Request) -> Response:
        return await _post(request, links)

    return [
        Route("/sign-in", _get, methods=["GET"]),
        Route("/sign-in", post, methods=["POST"]),
        Route("/sign-out", _sign_out, methods=["POST"]),
    ]
