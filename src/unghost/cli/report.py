"""`unghost report`: sends one report to any job board with LinkedIn's wire, or to LinkedIn itself (spec R1, R35)."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from unghost.cli import reading
from unghost.cli.frame import Wrong, out
from unghost.wire import lifecycle, restli, urn

#: LinkedIn's own API, whose tokens come from another host.
_LINKEDIN, _LINKEDIN_TOKENS = "api.linkedin.com", "https://www.linkedin.com"
_SECONDS = 30.0
#: More of an answer than this is not read.
_MOST_BYTES = 1 << 20


def report(
    application: Annotated[str, Parameter(help="urn:li:jobApplication:12345678, or 12345678 alone.")],
    action: Annotated[str, Parameter(help="APPLICATION_VIEWED, RESUME_DOWNLOADED or APPLICATION_REJECTED.")],
    *,
    organization: Annotated[
        str | None, Parameter(help="The customer, urn:li:organization:12345; unset: the child application's own.")
    ] = None,
    performed_at: Annotated[
        str, Parameter(help="When it was done: milliseconds since 1970, 2026-11-05T17:00:00Z, or now.")
    ] = "now",
    base_url: Annotated[
        str, Parameter(help="The board; https://api.linkedin.com for LinkedIn.", env_var="UNGHOST_REPORT_BASE_URL")
    ] = "http://127.0.0.1:8400",
    token: Annotated[str | None, Parameter(help="An access token.", env_var="UNGHOST_REPORT_TOKEN")] = None,
    client_id: Annotated[
        str | None, Parameter(help="Or: fetch one for this child application.", env_var="UNGHOST_REPORT_CLIENT_ID")
    ] = None,
    client_secret: Annotated[
        str | None, Parameter(help="The child application's secret.", env_var="UNGHOST_REPORT_CLIENT_SECRET")
    ] = None,
    ca_file: Annotated[Path | None, Parameter(help="Trust the certificates in this PEM file.")] = None,
) -> int:
    """Send one report and print the answer. Exit code 0: taken; 1: refused; 2: it could not be sent."""
    from unghost.clock import SystemClock

    base = reading.origin(base_url)
    at = reading.moment("--performed-at", performed_at, SystemClock().now())
    body: dict[str, object] = {
        "jobApplicationId": urn.write(urn.JOB_APPLICATION, reading.application(application)),
        "action": action,
        "performedAt": lifecycle.milliseconds(at),
    }
    if organization is not None:
        body["integrationContext"] = urn.write(urn.ORGANIZATION, reading.organization(organization))
    trusted = _trusted(ca_file)
    if token is None:
        if client_id is None or client_secret is None:
            raise Wrong("nothing to report with: give --token, or --client-id and --client-secret")
        token = _token(base, client_id, client_secret, trusted)
    if not (token.isascii() and token.isprintable()):
        raise Wrong("the token holds characters that no header can carry: copy it again")
    status, headers, answer = _send(
        f"{base}{restli.PATHS[0]}",
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-RestLi-Method": "create",
            "X-RestLi-Protocol-Version": "2.0.0",
        },
        trusted,
    )
    console = out()
    if 200 <= status < 300:
        console.print(f"{status} taken, id {headers.get('x-restli-id') or headers.get('x-linkedin-id') or 'not given'}")
        return 0
    console.print(f"{status} refused: {_why(answer)}", soft_wrap=True)
    if wait := headers.get("retry-after"):
        console.print(f"try again after {wait} seconds" if wait.isdigit() else f"try again after {wait}")
    return 1


def token_url(base: str) -> str:
    """Where the board at this origin gives tokens: LinkedIn's come from another host than its API's."""
    host = urllib.parse.urlsplit(base).hostname
    return f"{_LINKEDIN_TOKENS if host == _LINKEDIN else base}/oauth/v2/accessToken"


def _token(base: str, client_id: str, client_secret: str, trusted: ssl.SSLContext) -> str:
    url = token_url(base)
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    status, _, answer = _send(
        url,
        urllib.parse.urlencode(form).encode(errors="replace"),
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        trusted,
    )
    token = _object(answer).get("access_token")
    if status != 200 or not isinstance(token, str) or not token:
        raise Wrong(f"{url} gives no token ({status}: {_why(answer)}): check --client-id and --client-secret")
    return token


def _send(url: str, body: bytes, headers: dict[str, str], trusted: ssl.SSLContext) -> tuple[int, Message, bytes]:
    # `reading.origin` has seen to it that the address is http or https.
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted), _NoRedirect)
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return answer.status, answer.headers, answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read(_MOST_BYTES)
    except (OSError, HTTPException, UnicodeError) as error:
        reason = getattr(error, "reason", None) or error
        said = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        raise Wrong(f"{url} cannot be reached ({said}): check --base-url and that the board is running") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is shown as an answer: a report must not be sent on to somewhere else."""

    def redirect_request(self, *given: Any) -> None:
        return None


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Wrong(f"--ca-file {ca_file} cannot be used ({error.strerror or error}): give a PEM file") from None


def _object(answer: bytes) -> dict[str, Any]:
    try:
        read = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _why(answer: bytes) -> str:
    read = _object(answer)
    said = read.get("message") or read.get("error_description") or read.get("error")
    text = str(said) if said else answer.decode(errors="replace")[:300]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "no reason given"
