"""Operators sign in by a mailed link (spec R24, R42). Who is one is said by a setting, so nothing here is stored.

Knows who an operator is, never what the pages show. Why so: docs/decisions/operator-pages.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard import operators
from unghost.jobboard.links import LINK_LIFE, BadLink, For
from unghost.jobboard.operators import Operator
from unghost.jobboard.web import forms, link_mail
from unghost.jobboard.web.admin_sign_in import read_form
from unghost.jobboard.web.pages import from_elsewhere, problem, render, text
from unghost.jobboard.web.services import Services

#: How long an operator's browser stays signed in: a working day, for what is held can be seen there.
SESSION_LIFE = timedelta(hours=12)
HOME = "/operator"
_SIGN_IN = "/operator/sign-in"
_MINUTES = LINK_LIFE.seconds // 60


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in operator. `word` is the signed cookie, to which the tokens of forms are bound."""

    operator: Operator
    word: str


def signed_in(request: Request) -> Session | None:
    """The operator whose session cookie came with the request; None if there is none or it is no longer good."""
    services: Services = request.app.state.services
    word = request.cookies.get(_cookie_name(services), "")
    operator = _read(services, For.OPERATOR_SESSION, word)
    return None if isinstance(operator, BadLink) else Session(operator, word)


Page = Callable[[Request, Session], Awaitable[Response]]


def for_operators(page: Page) -> Callable[[Request], Awaitable[Response]]:
    """A page that only operators are answered with; everybody else is sent to sign in."""

    @wraps(page)
    async def answer(request: Request) -> Response:
        session = signed_in(request)
        return _to_sign_in() if session is None else await page(request, session)

    return answer


def show(request: Request, session: Session | None, name: str, *, status: int = 200, **context: Any) -> Response:
    """One of the operator's templates. They are written in English, whatever the browser asks for."""
    now = request.app.state.services.clock.now()
    return render(request, f"operator/{name}.html", status=status, language="en", session=session, now=now, **context)


def _to_sign_in() -> Response:
    return RedirectResponse(_SIGN_IN, 303, {"cache-control": "no-store"})


def _read(services: Services, purpose: For, word: str) -> Operator | BadLink:
    try:
        id = services.links.read(purpose, word, services.clock.now())
    except BadLink as bad:
        return bad
    return operators.with_id(services.settings.operators, id) or BadLink("this link is nobody's any more")


async def _get(request: Request) -> Response:
    """The form; with a word the mailed link. Mail scanners open links too, so it may be opened more than once."""
    services: Services = request.app.state.services
    if "word" not in request.query_params:
        return _form(request)
    operator = _read(services, For.OPERATOR_LINK, request.query_params["word"])
    if isinstance(operator, BadLink):
        return _form(request, 401, said="expired" if operator.expired else "bad_link")
    word = services.links.make(For.OPERATOR_SESSION, operator.id, services.clock.now() + SESSION_LIFE)
    response = RedirectResponse(HOME, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
    _set_cookie(services, response, word, round(SESSION_LIFE.total_seconds()))
    return response


async def _post(request: Request, few: link_mail.Few) -> Response:
    """Have a link mailed. The answer is the same whether or not the address is an operator's."""
    services: Services = request.app.state.services
    form = await read_form(request)
    if form is None:
        return problem(request, 403, "elsewhere")
    email = forms.address(form.get("email", ""))
    if email is None:
        return _form(request, 422, said="unusable", email=form.get("email", ""))
    return _form(request, said="sent", background=BackgroundTask(_mail_link, services, few, email))


async def _mail_link(services: Services, few: link_mail.Few, email: str) -> None:
    operator, now = operators.with_address(services.settings.operators, email), services.clock.now()
    if operator is None or not few.may_mail(operator.id, now):
        return
    word = services.links.make(For.OPERATOR_LINK, operator.id, now + LINK_LIFE)
    board, link = services.settings.board_name, f"{services.settings.base_url}{_SIGN_IN}?word={word}"
    mail = text("operator/link_mail.txt", board=board, link=link, minutes=_MINUTES)
    await link_mail.send(services.settings, operator.email, "en", f"Sign in to {board} as an operator", mail, now)


async def _sign_out(request: Request) -> Response:
    if from_elsewhere(request):
        return problem(request, 403, "elsewhere")
    response = _to_sign_in()
    _set_cookie(request.app.state.services, response, "", 0)
    return response


def _form(
    request: Request, status: int = 200, *, said: str = "", email: str = "", background: BackgroundTask | None = None
) -> Response:
    context = {"said": said, "email": email, "minutes": _MINUTES, "background": background}
    return show(request, None, "sign_in", status=status, **context)


def _cookie_name(services: Services) -> str:
    return "__Host-unghost-operator" if services.settings.base_url.startswith("https:") else "unghost-operator"


def _set_cookie(services: Services, response: Response, word: str, seconds: int) -> None:
    response.set_cookie(
        _cookie_name(services),
        word,
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=services.settings.base_url.startswith("https:"),
    )


def routes(services: Services) -> list[BaseRoute]:
    """Sign-in of operators; nothing where there are none."""
    few = link_mail.Few()

    async def post(request: Request) -> Response:
        return await _post(request, few)

    if not services.settings.operators:
        return []
    return [
        Route(_SIGN_IN, _get, methods=["GET"]),
        Route(_SIGN_IN, post, methods=["POST"]),
        Route("/operator/sign-out", _sign_out, methods=["POST"]),
    ]
