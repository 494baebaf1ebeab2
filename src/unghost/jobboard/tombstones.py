"""What is left of somebody who was erased: keyed hashes that say "this was erased" to who knows the name (spec R20).

Pure. Without the board's secret key a tombstone says nothing (docs/decisions/erasure.md). Must not touch the database.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Tombstones:
    """Makes the tombstones of one board, with a key of their own that is derived from the board's secret key."""

    secret_key: str = field(repr=False)

    def of_application(self, number: int) -> bytes:
        """The tombstone of an application's number: 32 bytes."""
        return self._digest(f"application:{number}")

    def of_applicant(self, external_id: str) -> bytes:
        """The tombstone of the name that an applicant had in the job board's own back end: 32 bytes."""
        return self._digest(f"applicant:{external_id}")

    def _digest(self, named: str) -> bytes:
        key = hmac.digest(self.secret_key.encode(), b"tombstone", sha256)
        return hmac.digest(key, named.encode(), sha256)
