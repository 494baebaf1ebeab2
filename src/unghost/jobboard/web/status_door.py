"""The door to an applicant's own status on another site's page: which pages may ask, and who is asking (spec R23, R24).

An origin first, by exact match, then the board's token in `Authorization`; no cookie is looked at. A refusal may be
read by every page, for it holds nothing but the sentence that names the remedy. Must not read a status.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from unghost.jobboard.store import reading
from unghost.jobboard.web import board_token
from unghost.jobboard.web.board_token import Audience, BadToken
from unghost.jobboard.web.services import Services

#: How far ahead the end of a token may lie that a page keeps; with a minute for clocks that differ.
LONGEST_LIFE = timedelta(hours=1, minutes=1)
#: What a preflight is told: nothing that depends on who asks. Browsers keep it for two hours at most.
PREFLIGHT = {
    "access-control-allow-headers": "authorization",
    "access-control-allow-methods": "GET",
    "access-control-allow-origin": "*",
    "access-control-max-age": "7200",
}


class StatusRefusal(Enum):
    """Every refusal by its name, which is the `code` in the answer; the value has its HTTP status first."""

    BAD_JOB = 400, "the job is not named as its job board names it"
    MISSING_TOKEN = 401, "no token was sent"
    BAD_TOKEN = 401, "the token is not one that the job board signed for this"
    EXPIRED_TOKEN = 401, "the token has expired"
    FOREIGN_ORIGIN = 403, "pages of this origin may not show statuses"
    CLOSED = 403, "the board takes no tokens"
    UNAVAILABLE = 503, "the job board cannot reach its database"


class StatusRefused(Exception):
    """A refusal with its sentence."""

    def __init__(self, refusal: StatusRefusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal
        self.message = message


@dataclass(frozen=True, slots=True)
class Visit:
    """An applicant's id, when they ask, and until when their token lets them."""

    applicant: int
    now: datetime
    expires_at: datetime


async def admitted(request: Request) -> Visit | None:
    """Who asks; None: a member whom this board does not know, for they never applied. Raises `StatusRefused`."""
    services: Services = request.app.state.services
    now = services.clock.now()
    origin = request.headers.get("origin")
    if origin is not None and origin not in services.settings.status_origins:
        raise StatusRefused(
            StatusRefusal.FOREIGN_ORIGIN,
            f"{origin[:200]!a} is not among the origins that may show statuses; add it to UNGHOST_STATUS_ORIGINS",
        )
    member = _member(request, now)
    async with services.pool.connection() as connection:
        applicant = await reading.applicant_named(connection, member.external_id)
    return Visit(applicant.id, now, member.expires_at) if applicant else None


def _member(request: Request, now: datetime) -> board_token.Member:
    services: Services = request.app.state.services
    key = services.settings.board_token_key
    if key is None:
        raise StatusRefused(StatusRefusal.CLOSED, "the board takes no tokens; set UNGHOST_BOARD_TOKEN_KEY")
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise StatusRefused(StatusRefusal.MISSING_TOKEN, "Authorization has no token; send Bearer and the board's own")
    try:
        member = board_token.read(token.strip(), key, Audience.STATUS, now)
    except BadToken as error:
        code = StatusRefusal.EXPIRED_TOKEN if error.expired else StatusRefusal.BAD_TOKEN
        raise StatusRefused(code, str(error)) from None
    if member.expires_at - now > LONGEST_LIFE:
        raise StatusRefused(
            StatusRefusal.BAD_TOKEN, "the token's exp is more than an hour ahead; sign one that lasts minutes"
        )
    return member


def refusal(refused: StatusRefused) -> Response:
    """The answer that says no."""
    status, _ = refused.refusal.value
    headers = {"cache-control": "no-store"} | ({"retry-after": "2"} if status == 503 else {})
    return JSONResponse({"code": refused.refusal.name, "message": refused.message}, status, headers)


def open_to(request: Request, response: Response) -> Response:
    """The answer, readable by the page that asked: by any if it says no, else by the allowed origin that it has."""
    services: Services = request.app.state.services
    origin = request.headers.get("origin")
    if origin is not None:
        allowed = origin in services.settings.status_origins
        response.headers["access-control-allow-origin"] = origin if allowed else "*"
    response.headers["vary"] = "Origin, Authorization"
    response.headers.setdefault("cache-control", "no-store")
    return response
