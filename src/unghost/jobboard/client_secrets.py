"""Client secrets, derived from the board's secret key and a nonce, so that it can sign with them and keeps none (R28).

Only hashes and nonces are stored (docs/decisions/derived-client-secrets.md). Must not touch the database.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

_NONCE_BYTES = 16


def new_nonce() -> bytes:
    """What makes a secret another than the one before it."""
    return secrets.token_bytes(_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    """Derives client secrets with the board's secret key."""

    secret_key: str = field(repr=False)

    def derive(self, client_id: str, nonce: bytes) -> str:
        """The client secret of an application: 43 characters, 256 bits, safe in headers, forms and URLs."""
        message = f"client-secret:{client_id}:{nonce.hex()}".encode()
        return urlsafe_b64encode(hmac.digest(self.secret_key.encode(), message, sha256)).rstrip(b"=").decode()
