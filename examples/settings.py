"""What an example reads from its environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

#: name: (what it is, its default; None: it must be given)
VARIABLES: dict[str, tuple[str, str | None]] = {
    "DATABASE_URL": ("sqlite:///FILE, postgresql://… or mysql://…", "sqlite:///ats.sqlite"),
    "BOARD_URL": ("where the job board is, e.g. http://127.0.0.1:8400", None),
    "CLIENT_ID": ("the customer's child application at the board", None),
    "CLIENT_SECRET": ("its secret; kept in the environment, the database holds only env:CLIENT_SECRET", None),
    "ORGANIZATION": ("the customer at the board: urn:li:organization:N, or N", None),
    "CUSTOMER_NAME": ("what the customer is called in the pages", "Your company"),
    "DESTINATION": ("the board's name in unghost.toml, and in the webhook's address", "board"),
    "SECRET_KEY": ("signs cookies; unset: a new one for each start", ""),
}


class SettingsError(ValueError):
    """A variable is missing or wrong. The message is one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """See `VARIABLES`."""

    database_url: str
    board_url: str
    client_id: str
    organization: int
    customer_name: str
    destination: str
    secret_key: str

    @property
    def webhook_path(self) -> str:
        """Where the board delivers this customer's applications."""
        return f"/webhooks/{self.destination}/{self.organization}"


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment. Raises `SettingsError`."""
    given = {}
    for name, (what, default) in VARIABLES.items():
        value = environment.get(name) or default
        if value is None:
            raise SettingsError(f"{name} is not set: set it to {what}")
        given[name] = value
    number = given["ORGANIZATION"].removeprefix("urn:li:organization:")
    if not (number.isascii() and number.isdigit() and int(number)):
        raise SettingsError(f"ORGANIZATION is {given['ORGANIZATION'][:60]!a}: set it to urn:li:organization:N, or N")
    return Settings(
        database_url=given["DATABASE_URL"],
        board_url=given["BOARD_URL"].rstrip("/"),
        client_id=given["CLIENT_ID"],
        organization=int(number),
        customer_name=given["CUSTOMER_NAME"],
        destination=given["DESTINATION"],
        secret_key=given["SECRET_KEY"] or secrets.token_urlsafe(32),
    )
