"""A secret as it is stored or set: itself, or `env:NAME` or `file:PATH` that holds it. Must not be logged."""

from __future__ import annotations

import os
from pathlib import Path


class SecretError(ValueError):
    """The secret cannot be read. The message names the variable or the file, never what is in it."""


def read(stored: str) -> str:
    """The secret itself. Raises `SecretError`."""
    kind, _, name = stored.partition(":")
    if kind == "env":
        secret = os.environ.get(name, "")
        where = f"the variable {name}"
    elif kind == "file":
        where = f"the file {name}"
        try:
            secret = Path(name).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise SecretError(f"{where} with a secret cannot be read ({said}): see to it that it can") from None
    else:
        secret, where = stored, "a stored secret"
    # An empty key would let anybody sign.
    if not secret:
        raise SecretError(f"{where} is empty: put the secret there")
    return secret
