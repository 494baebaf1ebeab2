"""Who runs the board: the people of the setting UNGHOST_OPERATORS (spec R42). Pure; nothing of them is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may see the operator pages. `email` is in small letters."""

    email: str

    @property
    def id(self) -> int:
        """The number that links and sessions name them by: of the address and nothing else, so that it stays."""
        return int.from_bytes(hashlib.sha256(f"unghost.operator:{self.email}".encode()).digest()[:6])

    @property
    def name(self) -> str:
        """What logs call them: it holds no address. `unghost doctor` says whose it is."""
        return f"op-{self.id:012x}"


def with_address(addresses: Sequence[str], email: str) -> Operator | None:
    """The operator with that address, in any spelling of upper and lower case; None if it is nobody's."""
    return Operator(email.lower()) if email.lower() in addresses else None


def with_id(addresses: Sequence[str], id: int) -> Operator | None:
    """The operator whom a link or session names; None once the address is taken out of the setting."""
    return next((operator for operator in map(Operator, addresses) if operator.id == id), None)
