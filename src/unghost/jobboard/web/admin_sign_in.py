"""Customers' admins sign in by a mailed link; their session also works inside an ATS's settings page (spec R24, R26).

Knows who an admin is, never what an admin may save. Why so: docs/decisions/admin-sign-in-in-a-frame.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from psycopg import AsyncConnection
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import LINK_LIFE, SESSION_LIFE, BadLink, For
from unghost.jobboard.store import consent
from unghost.jobboard.web import forms, link_mail
from unghost.jobboard.web.pages import from_elsewhere, language_of, lasting, render
from unghost.jobboard.web.services import Services

#: How long the word works that a window hands to the frame it was opened from.
HAND_OVER_LIFE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in admin. `word` is the signed cookie, to which the tokens of forms are bound."""

    admin: consent.Admin
    word: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Where an admin stands: in the frame of an ATS's page (`framed`, on `origin`) or on the board's own page.

    `client_id` is that of the integration, or empty on the page of all the admin's customers. `ancestors` may embed
    the pages of this visit.
    """

    framed: bool
    client_id: str = ""
    origin: str = ""
    ancestors: str = "'none'"
    session: Session | None = None

    def address(self, **query: str) -> str:
        """The path of this visit's page."""
        given = {"client_id": self.client_id, "origin": self.origin if self.framed else "", **query}
        kept = urlencode({name: value for name, value in given.items() if value})
        return ("/consent/widget" if self.framed else "/admin/consent") + (f"?{kept}" if kept else "")

    def token(self, services: Services, *shown: str) -> str:
        """The token of a form that showed exactly this on this visit; only its own session can send it back."""
        word = self.session.word if self.session else ""
        return services.links.token("consent-form", word, str(self.framed), self.client_id, self.origin, *shown)


def board_origin(services: Services) -> str:
    """The board's own origin, as browsers write it."""
    parts = urlsplit(services.settings.base_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


async def signed_in(request: Request, connection: AsyncConnection[Any]) -> Session | None:
    """The admin whose session cookie came with the request; None if there is none or it is no longer good."""
    services: Services = request.app.state.services
    word = request.cookies.get(_cookie_name(services), "")
    try:
        admin_id = services.links.read(For.ADMIN_SESSION, word, services.clock.now())
    except BadLink:
        return None
    admin = await consent.read_admin(connection, admin_id)
    return None if admin is None else Session(admin, word)


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a form that one of the board's own pages sent; None if it cannot be read or came from elsewhere."""
    if from_elsewhere(request):
        return None
    try:
        return (await forms.read(request)).texts
    except forms.BadForm:
        return None


def show(request: Request, visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response:
    """A page of a visit, in the frame's bare layout or the board's own."""
    layout = "consent/bare.html" if visit.framed else "consent/page.html"
    context = {"layout": layout, "visit": visit, "remedy": "", **context}
    response = render(request, template, status=status, frame_ancestors=visit.ancestors, **context)
    # A window opened by the frame has to reach its opener, which this header would cut off.
    del response.headers["cross-origin-opener-policy"]
    return response


def sign_in_page(request: Request, visit: Visit, *, status: int = 200, said: str = "") -> Response:
    """The page of a visit without a session; `said` is a key of wording `consent.sign_in`.

    It holds the form itself only where a session begun in the board's own window is seen: a frame in another site's
    page has a cookie jar of its own, and there only that window is offered.
    """
    asked = request.query_params.get("said", "")
    context = {
        "said": said or (asked if asked in ("sent", "unusable") else ""),
        "life": LINK_LIFE,
        "here_works": not visit.framed or request.headers.get("sec-fetch-site") == "same-site",
        "saved_elsewhere": visit.framed and asked == "saved",
        "window": Visit(False, visit.client_id).address(),
    }
    return show(request, visit, "consent/sign_in.html", status=status, **context)


def refusal(request: Request, visit: Visit, reason: str, status: int, *, remedy: str = "", **values: str) -> Response:
    """A page that holds nothing but why not, from wording `consent.refused`; `remedy` goes to the browser's console.

    A form that was sent by the page's script is answered with the sentence alone.
    """
    services: Services = request.app.state.services
    values = {"board": services.settings.board_name, "base_url": services.settings.base_url, **values}
    sentence = services.wording.say(language_of(request), f"consent.refused.{reason}", **values)
    if wants_json(request):
        return JSONResponse({"refused": sentence}, status)
    return show(request, visit, "consent/refused.html", status=status, remedy=remedy, sentence=sentence)


def wants_json(request: Request) -> bool:
    """Whether the page's own script asks, which shows the answer without leaving the page."""
    return request.headers.get("accept", "").startswith("application/json")


async def _open(request: Request) -> Response:
    """GET /admin/sign-in: the mailed link. Mail scanners open links too, so it may be opened more than once."""
    services: Services = request.app.state.services
    visit = Visit(False, request.query_params.get("client_id", ""))
    word = request.query_params.get("word")
    if word is None:
        return RedirectResponse(visit.address(), 303)
    try:
        admin_id = services.links.read(For.ADMIN_LINK, word, services.clock.now())
    except BadLink as bad:
        return sign_in_page(request, visit, status=403, said="expired" if bad.expired else "bad_link")
    return _with_session(services, admin_id, RedirectResponse(visit.address(), 303))


async def _hand_over(request: Request) -> Response:
    """POST /admin/session: the frame takes the word that its own window gave it for a session in its own cookie jar."""
    services: Services = request.app.state.services
    form = await read_form(request)
    try:
        word = "" if form is None else form.get("word", "")
        admin_id = services.links.read(For.ADMIN_LINK, word, services.clock.now())
    except BadLink as bad:
        return JSONResponse({"refused": str(bad)}, 403)
    return _with_session(services, admin_id, Response(status_code=204))


async def _ask(request: Request, few: link_mail.Few) -> Response:
    """POST /admin/sign-in: have a link mailed. The answer is the same whether or not the address is an admin's."""
    services: Services = request.app.state.services
    form = await read_form(request)
    if form is None:
        return refusal(request, Visit(False), "foreign", 403)
    visit, email = _visit_of(form), forms.address(form.get("email", ""))
    if email is None:
        return RedirectResponse(visit.address(said="unusable"), 303)
    mail = BackgroundTask(_mail_link, services, few, email, visit.client_id, language_of(request))
    return RedirectResponse(visit.address(said="sent"), 303, background=mail)


async def _sign_out(request: Request) -> Response:
    """POST /admin/sign-out."""
    form = await read_form(request)
    if form is None:
        return refusal(request, Visit(False), "foreign", 403)
    response = RedirectResponse(_visit_of(form).address(), 303)
    response.headers.append("set-cookie", _cookie(request.app.state.services, "", 0))
    return response


def _visit_of(form: dict[str, str]) -> Visit:
    return Visit(form.get("framed") == "1", form.get("client_id", ""), form.get("origin", ""))


async def _mail_link(services: Services, few: link_mail.Few, email: str, client_id: str, language: str) -> None:
    """Mail a link to the admin with that address, if there is one. Runs after the answer has gone out."""
    async with services.pool.connection() as connection:
        admin = await consent.find_admin(connection, email)
    now = services.clock.now()
    if admin is None or not few.may_mail(admin.id, now):
        return
    word = services.links.make(For.ADMIN_LINK, admin.id, now + LINK_LIFE)
    query = urlencode({"word": word, **({"client_id": client_id} if client_id else {})})
    values = {
        "board": services.settings.board_name,
        "life": lasting(LINK_LIFE, language),
        "link": f"{services.settings.base_url}/admin/sign-in?{query}",
    }
    subject = services.wording.say(language, "consent.mail.subject", **values)
    text = "\n\n".join(services.wording.paragraphs(language, "consent.mail.body", **values))
    await link_mail.send(services.settings, admin.email, language, subject, text, now)


def _with_session(services: Services, admin_id: int, response: Response) -> Response:
    expires = services.clock.now() + SESSION_LIFE
    word = services.links.make(For.ADMIN_SESSION, admin_id, expires)
    response.headers.append("set-cookie", _cookie(services, word, round(SESSION_LIFE.total_seconds())))
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    return response


def _https(services: Services) -> bool:
    return services.settings.base_url.startswith("https://")


def _cookie_name(services: Services) -> str:
    return "__Host-unghost-admin" if _https(services) else "unghost-admin"


def _cookie(services: Services, word: str, seconds: int) -> str:
    # Written by hand: Python's own cookie writer knows `Partitioned` only from 3.14 on.
    site = "Secure; SameSite=None; Partitioned" if _https(services) else "SameSite=Lax"
    return f"{_cookie_name(services)}={word}; Max-Age={seconds}; Path=/; HttpOnly; {site}"


def routes(services: Services) -> list[BaseRoute]:
    """Sign-in of customers' admins (spec R24)."""
    few = link_mail.Few()

    async def ask(request: Request) -> Response:
        return await _ask(request, few)

    return [
        Route("/admin/sign-in", _open, methods=["GET"]),
        Route("/admin/sign-in", ask, methods=["POST"]),
        Route("/admin/session", _hand_over, methods=["POST"]),
        Route("/admin/sign-out", _sign_out, methods=["POST"]),
    ]
