"""Signs applicants in and out: by a mailed link, or by a token the job board signed (spec R24). No passwords.

Whether an address is known can be told neither from an answer nor from how long it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import LINK_LIFE, SESSION_LIFE, BadLink, For
from unghost.jobboard.store import reading
from unghost.jobboard.web import forms, link_mail, pages

if TYPE_CHECKING:
    from unghost.jobboard.web.services import Services  # which imports web/live, and so this module

#: The cookie of an applicant's session: a signed word, no name and no address.
COOKIE = "unghost_applicant"
_MINUTES = int(LINK_LIFE.total_seconds() // 60)


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
    claims = _claims(token, services.settings.board_token_key)
    if claims is None:
        return _refused(request, "broken")
    now = services.clock.now().timestamp()
    if now >= claims["exp"] or now < claims.get("nbf", now):
        return _refused(request, "expired")
    async with services.pool.connection() as connection:
        applicant = await reading.applicant_named(connection, claims["sub"])
    return _open_session(request, applicant.id) if applicant else _refused(request, "broken")


def _claims(token: str, key: str | None) -> dict[str, Any] | None:
    """What the job board's token says, if it is the board's: HS256, for `unghost`, with `sub` and `exp`."""
    if key is None:
        return None
    import jwt  # it costs 0.2 s to load, and few boards take tokens

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            audience="unghost",
            # Times are checked against the service's own clock.
            options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    times = (claims["exp"], claims.get("nbf", 0))
    if not all(isinstance(at, int | float) and not isinstance(at, bool) for at in times) or "\0" in claims["sub"]:
        return None
    return claims


def _form(request: Request, *, status: int = 200, email: str = "", wrong: bool = False) -> Response:
    return pages.render(
        request, "sign_in.html", status=status, email=email, wrong=wrong, problem=None, minutes=_MINUTES
    )


def _refused(request: Request, problem: str) -> Response:
    return pages.render(request, "sign_in.html", status=401, email="", wrong=False, problem=problem, minutes=_MINUTES)


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
    return pages.render(request, "sign_in_sent.html", minutes=_MINUTES, background=mail)


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
                say("life", minutes=str(_MINUTES)),
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
