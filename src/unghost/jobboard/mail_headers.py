"""What a mail is made of on the wire: addresses, headers, parts (spec R21). Must not know what a mail says.

Written by hand, header by header: the standard library folds a long List-Unsubscribe into `=?utf-8?q?…`, which breaks
one-click, and costs more than sending does.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64encode

import idna

_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]:;,@\\\"]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\]")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


class UnusableAddress(ValueError):
    """No mail can be sent to this address. The message does not repeat it."""


def clean(value: str, most: int) -> str:
    """Text that fits on a line: control characters and line breaks become spaces, beyond `most` it is cut."""
    value = _CONTROL.sub(" ", value).strip()
    return value if len(value) <= most else value[: most - 1].rstrip() + "…"


def envelope(address: str) -> tuple[str, bool]:
    """The address as SMTP takes it, its domain in ASCII (IDNA); and whether it needs SMTPUTF8.

    Raises `UnusableAddress`.
    """
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local):
        raise UnusableAddress("the address has no usable part before the @")
    try:
        if not domain.isascii():
            domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise UnusableAddress("the address's domain is not one") from None
    if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        raise UnusableAddress("the address's domain is not one")
    return f"{local}@{domain}", not local.isascii()


def header(name: str, value: str) -> str:
    """A header's line, or lines if the value is folded already."""
    return f"{name}: {value}\r\n"


def mailbox(name: str, address: str) -> str:
    """A name and an address as To and From want them; nothing in the name can end the header."""
    name = clean(name, 120)
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"\r\n <{address}>' if len(name) + len(address) > 60 else f'"{quoted}" <{address}>'
    return f"{_encoded(name)}\r\n <{address}>"


def words(value: str) -> str:
    """A header's text, encoded where it must be."""
    if value.isascii() and "=?" not in value and len(value) <= 66:
        return value
    return _encoded(value)


def _encoded(value: str) -> str:
    """RFC 2047: words of at most 75 characters, none of which parts a character."""
    chunks, chunk = [], b""
    for character in value:
        encoded = character.encode()
        if len(chunk) + len(encoded) > 45:  # 60 in base64, and 12 around it; with its header's name 75 is not passed
            chunks.append(chunk)
            chunk = b""
        chunk += encoded
    return "\r\n ".join(f"=?utf-8?b?{b64encode(part).decode()}?=" for part in [*chunks, chunk])


def quoted(piece: str) -> bytes:
    """A piece of a text as quoted-printable. Pieces are joined by soft line breaks: `SOFT_BREAK.join`."""
    lines = binascii.b2a_qp(piece.replace("\r\n", "\n").replace("\n", "\r\n").encode(), istext=True)
    return lines.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


SOFT_BREAK = b"=\r\n"


def part(kind: str, encoded: bytes, boundary: str) -> bytes:
    """One part of a multipart message: `kind` is plain or html, `encoded` its quoted-printable text."""
    head = (
        f"--=_{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + encoded + b"\r\n"
