"""Rows written with the fact and worked off later: claimed, attempted outside any transaction, settled.

Both ends use it, each with its own claims. Must know nothing of either end, nor of any database.
"""

from __future__ import annotations

from unghost.outbox.backoff import wait
from unghost.outbox.drain import Claims, Drain, Item, Settlement
from unghost.outbox.outcome import Done, GiveUp, Outcome, TryLater, Unbegun

__all__ = ["Claims", "Done", "Drain", "GiveUp", "Item", "Outcome", "Settlement", "TryLater", "Unbegun", "wait"]
