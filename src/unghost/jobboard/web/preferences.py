"""Which mails an applicant gets: a page behind a signed link, and RFC 8058 one-click (spec R19).

Works without signing in and without JavaScript. GET changes nothing: mail scanners open every link.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import BadLink, For
from unghost.jobboard.store import telling
from unghost.jobboard.web import pages
from unghost.jobboard.web.services import Services

#: The words that open the page: the one of a mail says also what its one-click turns off.
_OPEN = (For.VIEWED_MAILS, For.STATUS_MAILS, For.PREFERENCES)
#: The most that a form of ours, or a mail program's one-click, holds.
_MOST_BYTES = 8192


def routes(services: Services) -> list[BaseRoute]:
    """The page, its form, and one-click."""
    return [
        Route("/preferences", _show, methods=["GET"]),
        Route("/preferences", _save, methods=["POST"]),
        # Mail programs without one-click open the same address.
        Route("/preferences/one-click", _show, methods=["GET"]),
        Route("/preferences/one-click", _one_click, methods=["POST"]),
    ]


async def _show(request: Request) -> Response:
    services: Services = request.app.state.services
    word = request.query_params.get("word", "")
    try:
        _, applicant_id = _read(services, word)
    except BadLink:
        return pages.render(request, "preferences.html", status=400, problem="bad_link")
    async with services.pool.connection() as connection:
        found = await telling.preferences(connection, applicant_id)
    if found is None:
        return pages.render(request, "preferences.html", status=404, problem="gone")
    return pages.render(
        request,
        "preferences.html",
        language=found.language,
        problem=None,
        preferences=found,
        word=word,
        saved="saved" in request.query_params,
    )


async def _save(request: Request) -> Response:
    services: Services = request.app.state.services
    word = request.query_params.get("word", "")
    try:
        _, applicant_id = _read(services, word)
    except BadLink:
        return pages.render(request, "preferences.html", status=400, problem="bad_link")
    try:
        form = parse_qs((await _body(request)).decode("utf-8", "replace"), max_num_fields=50)
    except ValueError:  # more fields than a form of ours has
        raise HTTPException(400) from None
    async with services.pool.connection() as connection:
        found = await telling.prefer(
            connection, applicant_id, viewed_mails="viewed_mails" in form, status_mails="status_mails" in form
        )
    if not found:
        return pages.render(request, "preferences.html", status=404, problem="gone")
    return RedirectResponse(request.url.include_query_params(saved="1").replace(scheme="", netloc=""), 303)


async def _one_click(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        purpose, applicant_id = _read(services, request.query_params.get("word", ""))
    except BadLink as error:
        return PlainTextResponse(f"{error}\n", 400)
    # A form in either encoding that mail programs may use (RFC 8058).
    if b"One-Click" not in await _body(request):
        return PlainTextResponse("the body is not a one-click form: send List-Unsubscribe=One-Click\n", 400)
    async with services.pool.connection() as connection:
        if purpose is For.VIEWED_MAILS:
            await telling.prefer(connection, applicant_id, viewed_mails=False)
        else:
            await telling.prefer(connection, applicant_id, status_mails=False)
    return PlainTextResponse("These mails are turned off.\n")


def _read(services: Services, word: str) -> tuple[For, int]:
    """What a word turns off and whose it is. Raises `BadLink`."""
    now = services.clock.now()
    for purpose in _OPEN:
        try:
            return purpose, services.links.read(purpose, word, now)
        except BadLink as error:
            bad = error
    raise bad


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    return body
