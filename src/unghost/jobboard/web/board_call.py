"""What a handler of the board API is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from unghost.jobboard.web.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given. `named`: the path's values by their names; `body`: an instance of the operation's."""

    services: Services
    now: datetime
    named: dict[str, Any]
    body: Any


#: What a handler gives back: the status, and the answer's body (None: there is none).
Answer = tuple[HTTPStatus, msgspec.Struct | None]
