"""A secret as it is stored or set: itself, or `env:NAME` or `file:PATH` that holds it. Must not be logged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class SecretError(ValueError):
    """The secret cannot be read. The message names the variable or the file, never what is in it."""


def read(stored: str, environ: Mapping[str, str] = os.environ) -> str:
    """The secret itself. Raises `SecretError`."""
    kind, _, name = stored.partition(":")
    if kind == "env":
        secret, where = environ.get(name, ""), f"{stored} is not set: set the variable {name}"
    elif kind == "file":
        where = f"{stored} is empty: put the secret there"
        try:
            secret = Path(name).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise SecretError(f"{stored} cannot be read ({said}): see to it that it can") from None
    else:
        secret, where = stored, "a stored secret is empty: store it again"
    if not secret:  # an empty key would let anybody sign
        raise SecretError(where)
    return secret
