"""Calls whose query is too long for an address: sent as POST with the query in the body, as Rest.li documents it.

`X-HTTP-Method-Override` names the real verb. Undone before any route sees the call. Must not know any resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message
from email.parser import BytesParser

from starlette.datastructures import Headers
from starlette.types import Message as Event
from starlette.types import Receive, Scope

from unghost.jobboard.web.partner_api import read_body
from unghost.wire import restli
from unghost.wire.refusals import Refusal, Refused, shown

_OVERRIDE = b"x-http-method-override"
_VERBS = ("GET", "POST", "PUT", "DELETE")
_FORM, _BOTH = "application/x-www-form-urlencoded", "multipart/mixed"


def tunnelled(scope: Scope) -> bool:
    """Is this a partner's call whose query is in its body?"""
    return (
        scope["method"] == "POST"
        and scope["path"].startswith(("/v2/", "/rest/"))
        and any(name == _OVERRIDE for name, _ in scope["headers"])
    )


async def undone(scope: Scope, receive: Receive) -> tuple[Scope, Receive] | Refused:
    """The call as it would have been sent with a short query: its scope, and what gives its body."""
    headers = Headers(scope=scope)
    verb = headers[_OVERRIDE.decode()].strip().upper()
    if verb not in _VERBS:
        return Refused(Refusal.WRONG_VERB, f"X-HTTP-Method-Override is {shown(verb)}; want one of {', '.join(_VERBS)}")
    sent = await read_body(receive, restli.BATCH_LIMIT)
    if sent is None:
        return Refused(Refusal.MALFORMED_BODY, "the body ended before it was whole; send it again")
    parts = sent if isinstance(sent, Refused) else _parts(headers.get("content-type", ""), sent)
    if isinstance(parts, Refused):
        return parts
    query, body = parts
    if not query.isascii():
        return Refused(Refusal.MALFORMED_BODY, "the query in the body is not ASCII; percent-encode it as in an address")
    rest = [pair for pair in scope["headers"] if pair[0] not in (_OVERRIDE, b"content-type", b"content-length")]
    whole = b"&".join(filter(None, (scope["query_string"], query.strip())))
    return {**scope, "method": verb, "query_string": whole, "headers": rest}, _giving(body)


def _parts(content_type: str, sent: bytes) -> tuple[bytes, bytes] | Refused:
    """The query and the body of a call."""
    outer = Message()
    outer["Content-Type"] = content_type
    kind = outer.get_content_type()
    if kind == _FORM:
        return sent, b""
    if kind == _BOTH:
        whole = BytesParser().parsebytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + sent)
        found = {part.get_content_type(): part for part in _inner(whole)}
        if len(found) == 2 and _FORM in found:
            query = found.pop(_FORM)
            [body] = found.values()
            return _bytes(query), _bytes(body)
    return Refused(
        Refusal.MALFORMED_BODY,
        f"with X-HTTP-Method-Override the Content-Type is {shown(kind)}; want {_FORM} with the query, or {_BOTH} of it "
        "and the body",
    )


def _inner(whole: Message) -> Iterable[Message]:
    return (part for part in whole.walk() if not part.is_multipart())


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _giving(body: bytes) -> Receive:
    async def receive() -> Event:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
