"""OAuth 2.0 client credentials for partners: tokens given out, introspected, revoked (spec R11).

Errors as RFC 6749 5.2, RFC 7662 and RFC 7009 have them; statuses that both those and LinkedIn's clients take.
"""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.store import access
from unghost.jobboard.store.access import OAuthApplication
from unghost.jobboard.web.services import Services

_LIMIT = 16 * 1024
#: How long an expired token is still told that it has expired; afterwards it is unknown.
_REMEMBERED = timedelta(days=7)
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class _Error(Exception):
    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        body = {"error": error, "error_description": description}
        self.response = JSONResponse(body, status, headers=_NO_STORE | (headers or {}))


def routes(services: Services) -> list[BaseRoute]:
    """The token endpoint and its two companions."""

    async def issue(request: Request) -> Response:
        try:
            form = await _form(request)
            grant = form.get("grant_type")
            if not grant:
                raise _Error(400, "invalid_request", "grant_type is missing; want client_credentials")
            if grant != "client_credentials":
                raise _Error(400, "unsupported_grant_type", "grant_type is not known; want client_credentials")
            application = await _client(services, request, form)
        except _Error as error:
            return error.response
        life, now = services.settings.token_life, services.clock.now()
        async with services.pool.connection() as connection:
            await access.drop_old_tokens(connection, now - _REMEMBERED)
            token = await access.issue(connection, application.id, now, life)
        body = {"access_token": token, "expires_in": int(life.total_seconds()), "token_type": "Bearer"}
        return JSONResponse(body, headers=_NO_STORE)

    async def introspect(request: Request) -> Response:
        try:
            form = await _form(request)
            application = await _client(services, request, form)
            given = _wanted(form, "token")
        except _Error as error:
            return error.response
        async with services.pool.connection() as connection:
            token = await access.find_token(connection, access.hashed(given))
        if token is None or token.oauth_application != application.id:
            return JSONResponse({"active": False}, headers=_NO_STORE)
        return JSONResponse(_described(token, services), headers=_NO_STORE)

    async def revoke(request: Request) -> Response:
        try:
            form = await _form(request)
            application = await _client(services, request, form)
            given = _wanted(form, "token")
        except _Error as error:
            return error.response
        async with services.pool.connection() as connection:
            await access.revoke_token(connection, access.hashed(given), application.id, services.clock.now())
        return Response(status_code=200, headers=_NO_STORE)

    return [
        Route("/oauth/v2/accessToken", issue, methods=["POST"]),
        Route("/oauth/v2/introspectToken", introspect, methods=["POST"]),
        Route("/oauth/v2/revokeToken", revoke, methods=["POST"]),
    ]


def _described(token: access.Token, services: Services) -> dict[str, Any]:
    expired = services.clock.now() >= token.expires_at
    status = "revoked" if token.revoked else "expired" if expired else "active"
    return {
        "active": status == "active",
        "status": status,
        "client_id": token.client_id,
        "created_at": int(token.issued_at.timestamp()),
        "authorized_at": int(token.issued_at.timestamp()),
        "expires_at": int(token.expires_at.timestamp()),
        "auth_type": "2L",
    }


async def _form(request: Request) -> dict[str, str]:
    """The form's fields, whatever the Content-Type says. A repeated field is an error (RFC 6749 3.2)."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LIMIT:
            raise _Error(413, "invalid_request", f"the form is over {_LIMIT} bytes")
    form: dict[str, str] = {}
    try:
        text = body.decode("utf-8")
        for pair in text.split("&") if text else []:
            name, _, value = pair.partition("=")
            name = unquote_plus(name, errors="strict")
            if name in form:
                raise _Error(400, "invalid_request", "a field of the form stands there twice; send each once")
            form[name] = unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        raise _Error(400, "invalid_request", "the form is not UTF-8") from None
    return form


def _wanted(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise _Error(400, "invalid_request", f"{name} is missing from the form")
    return form[name]


async def _client(services: Services, request: Request, form: dict[str, str]) -> OAuthApplication:
    """The application that calls, by the secret in the form or by HTTP Basic."""
    basic = _basic(request.headers.get("authorization"))
    if basic is not None:
        client_id, secret = basic
        if form.get("client_id", client_id) != client_id:
            raise _Error(400, "invalid_request", "client_id differs between the form and the Authorization header")
    else:
        client_id, secret = _wanted(form, "client_id"), _wanted(form, "client_secret")
    async with services.pool.connection() as connection:
        application = await access.by_client_id(connection, client_id)
    if application is None or not application.knows(secret, services.clock.now()):
        challenge = {"WWW-Authenticate": 'Basic realm="oauth"'} if basic is not None else None
        raise _Error(
            401, "invalid_client", "Client authentication failed: client_id or client_secret is wrong", challenge
        )
    if application.revoked_at is not None:
        raise _Error(401, "invalid_client", "Client authentication failed: the application was revoked")
    return application


def _basic(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, word = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, secret = base64.b64decode(word.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise _Error(
            401,
            "invalid_client",
            "the Authorization header is not Basic base64(client_id:client_secret)",
            {"WWW-Authenticate": 'Basic realm="oauth"'},
        )
    return unquote_plus(client_id), unquote_plus(secret)
