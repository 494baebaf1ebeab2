"""Fetches a résumé from the job board, once, when it is first wanted."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from email.message import Message
from urllib.error import URLError
from urllib.parse import urlsplit

MOST_BYTES = 6 << 20
#: What can be shown in a page. Anything else can only be downloaded.
TEXT, PDF = "text/plain", "application/pdf"


class NoResume(Exception):
    """It cannot be had now. The message is a sentence for the recruiter."""


@dataclass(frozen=True)
class Resume:
    """A file."""

    name: str
    media_type: str
    content: bytes


def fetch(url: str, board_url: str) -> Resume:
    """The résumé at this address of the board's. Raises `NoResume`."""
    if urlsplit(url)[:2] != urlsplit(board_url)[:2]:
        raise NoResume("The résumé's address is not the job board's, so it is not opened.")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            content = answer.read(MOST_BYTES + 1)
            headers: Message = answer.headers
    except (URLError, OSError) as error:
        raise NoResume(f"The job board did not hand out the résumé ({error}). Try again later.") from None
    if len(content) > MOST_BYTES:
        raise NoResume("The résumé is larger than 6 MB, so it is not kept.")
    return Resume(headers.get_filename("resume"), headers.get_content_type(), content)


def as_text(content: bytes) -> str:
    """What a text file says, whatever its bytes are."""
    for encoding in ("utf-16", "utf-8-sig") if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")
