"""Reads what people send by a form: bounded in size, cleaned of what text cannot hold, never a 500.

Must not judge what a field means, other than what an address looks like.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from email_validator import EmailNotValidError, validate_email
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

#: A form larger than this is not read to its end. Well above the largest résumé, so that somebody whose résumé is
#: too large is told so beside the field.
LARGEST_FORM = 32 * 1024 * 1024
_MOST_FIELDS = 40
_LONGEST_TEXT = 64 * 1024


class BadForm(Exception):
    """The form cannot be read; `status` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the form cannot be read: {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class File:
    """A file that was chosen in a form, with its name as a person would call it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What was entered: texts without control characters and outer spaces, and files that were chosen."""

    texts: dict[str, str]
    files: dict[str, File]


async def read(request: Request, *, largest_file: int = 0) -> Form:
    """Read a form; of a file at most `largest_file` + 1 bytes, so that its being too large shows. Raises `BadForm`."""
    bounded = Request(request.scope, _Bounded(request).receive)
    try:
        async with bounded.form(max_files=4, max_fields=_MOST_FIELDS, max_part_size=_LONGEST_TEXT) as sent:
            texts: dict[str, str] = {}
            files: dict[str, File] = {}
            for field, value in sent.multi_items():
                if isinstance(value, UploadFile):
                    if value.filename:
                        content = await value.read(largest_file + 1)
                        files[field] = File(clean(PurePosixPath(value.filename.replace("\\", "/")).name), content)
                else:
                    texts[field] = clean(value)
            return Form(texts, files)
    except (HTTPException, MultiPartException, ValueError, LookupError, KeyError):
        raise BadForm(400) from None


def clean(text: str) -> str:
    """The text on one line, as PostgreSQL and mail headers can hold it."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in text)
    return " ".join("".join(kept).split())


def address(text: str) -> str | None:
    """An e-mail address as it is kept, or None if it cannot be one."""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except (EmailNotValidError, UnicodeError):
        return None


class _Bounded:
    """The request's body, given up when it grows too large."""

    def __init__(self, request: Request) -> None:
        self._request, self._left = request, LARGEST_FORM

    async def receive(self) -> Message:
        message = await self._request.receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise BadForm(413)
        return message
