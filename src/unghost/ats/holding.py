"""A turn while it is held: its reads and writes, made in threads, each under the fence (spec R31).

What must be stored is stored again until the lease is nearly over: a COMMIT whose answer was lost may have happened,
and the same again does no harm. Must not decide what is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Engine

from unghost.ats.activity import milliseconds
from unghost.ats.allowance import Allowance
from unghost.ats.destinations import Closed, Destination, Token
from unghost.ats.line import Waiting
from unghost.ats.settings import SettingsError, secret
from unghost.ats.store import dispatching, turns
from unghost.ats.store.dispatching import Turn
from unghost.ats.store.turns import Line, Settled
from unghost.clock import Clock

log = logging.getLogger(__name__)
T = TypeVar("T")

#: The parts of a lease after which a turn sends no more, so that others have theirs, and after which nothing is stored
#: again.
_SHARE, _LAST = 0.4, 0.75
_AGAIN_SECONDS = 0.2
#: A token is renewed so long before it expires, or a tenth of its life if that is less.
_EARLY = timedelta(minutes=1)


class TurnLost(Exception):
    """The lease had ended and another took the customer."""


class Held:
    """One turn. `progress`: the board took or answered something in it; `token`: what to report with."""

    def __init__(self, engine: Engine, turn: Turn, clock: Clock, lease: timedelta) -> None:
        self._engine, self.turn, self._clock = engine, turn, clock
        began = _monotonic()
        self._until, self._last = began + _SHARE * lease.total_seconds(), began + _LAST * lease.total_seconds()
        self.allowance = turn.allowance
        self.token = turn.access_token
        self.progress = False

    @property
    def over(self) -> bool:
        """No more is to be sent in this turn."""
        return _monotonic() > self._until

    def now(self) -> int:
        """The moment, in milliseconds."""
        return milliseconds(self._clock.now())

    async def lines(self, limit: int, *, undoings: bool = False) -> list[Line]:
        """The lines in which something is due, or an undoing is."""
        return await asyncio.to_thread(turns.read, self._engine, self.turn, self.now(), limit, undoings=undoings)

    async def announce(self, sending: Iterable[Waiting], spent: Allowance) -> set[int]:
        """Before sending: the applications whose rejection was undone meanwhile. Raises `TurnLost`."""
        undone = await self._stored(turns.announce, self._engine, self.turn, list(sending), spent)
        if undone is None:
            raise TurnLost
        self.allowance = spent
        return undone

    async def settle(self, settled: Sequence[Settled], *, progress: bool = False) -> None:
        """Store what became of activities. Raises `TurnLost`."""
        if not settled and not progress:
            return
        if not await self._stored(turns.settle, self._engine, self.turn, settled, self.now(), progress=progress):
            raise TurnLost
        self.progress = self.progress or progress

    async def authorize(self, destination: Destination) -> Closed | None:
        """See that there is a token that holds for a while. The customer's row keeps it, for whoever comes next."""
        if self.token is not None and (self.turn.token_expires_at or 0) > self.now():
            return None
        try:
            got = await destination.token(self.turn.client_id, secret(self.turn.client_secret))
        except SettingsError as error:
            return Closed(str(error))
        if not isinstance(got, Token):
            return got
        life = got.life - min(_EARLY, got.life / 10)
        await self._keep(got.access_token, self.now() + life // timedelta(milliseconds=1))
        return None

    async def forget_token(self) -> None:
        """The token is refused: let nobody use it again."""
        await self._keep(None, None)

    async def _keep(self, token: str | None, expires_at: int | None) -> None:
        if not await self._stored(dispatching.keep_token, self._engine, self.turn, token, expires_at):
            raise TurnLost
        self.token = token
        self.turn = replace(self.turn, access_token=token, token_expires_at=expires_at)

    async def _stored(self, write: Callable[..., T], *given: Any, **named: Any) -> T:
        while True:
            try:
                return await asyncio.to_thread(write, *given, **named)
            except Exception as error:
                if _monotonic() > self._last:
                    raise
                said = getattr(error, "orig", None) or type(error).__name__
                log.warning("customer %d: not stored, trying again: %s", self.turn.customer_id, said)
                await asyncio.sleep(_AGAIN_SECONDS)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
