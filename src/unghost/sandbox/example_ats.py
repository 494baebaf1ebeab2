"""The example ATS beside a demo, and the dispatcher that reports what is done in it (spec R36).

It is started from the repository's `examples/`, as any ATS is: by its environment. Where unghost is installed without
them a demo has only the pretend settings page. Must not know what the ATS does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from socket import socket

import unghost
from unghost.sandbox.deployment import keep_private, kept_secret
from unghost.sandbox.processes import Part

_MODULE, _DESTINATION = "examples.flask_ats", "board"
#: The ATS's own database, in the data directory.
DATABASE = "ats.sqlite"
NO_EXAMPLES = (
    "the example ATS is not here: run this from a clone of unghost after `make setup`, which installs what it needs, "
    "or leave --ats out"
)


def examples() -> Path | None:
    """The folder from which the example is started; None where it is not, or its framework is not installed."""
    root = Path(unghost.__file__).parents[2]
    there = (root / "examples" / "flask_ats" / "__main__.py").is_file()
    return root if there and find_spec("flask") and find_spec("sqlalchemy") else None


def webhook(url: str, organization: int) -> str:
    """Where the ATS at `url` takes a customer's applications."""
    return f"{url.rstrip('/')}/webhooks/{_DESTINATION}/{organization}"


@dataclass(frozen=True, kw_only=True)
class ExampleAts:
    """What the ATS and its dispatcher are made for. `environment`: what each gets beside its own settings.

    `clock`: the file of the test clock, which the dispatcher obeys; the ATS goes by the machine's, as any other would.
    """

    root: Path
    folder: Path
    environment: Mapping[str, str]
    base_url: str
    client_id: str
    client_secret: str
    organization: int
    customer: str
    tls_cert: Path | None
    clock: Path | None = None

    def ats(self, listening: socket) -> Part:
        """The ATS itself, on an inherited socket."""
        return Part(
            name="ats",
            module=_MODULE,
            arguments=("--listen-fd", "{0}", "--lifeline", "{lifeline}"),
            environment=self._shared()
            | {
                "PYTHONPATH": str(self.root),
                "DATABASE_URL": self._database,
                "BOARD_URL": self.base_url,
                "CLIENT_ID": self.client_id,
                "ORGANIZATION": str(self.organization),
                "CUSTOMER_NAME": self.customer,
                "DESTINATION": _DESTINATION,
                "SECRET_KEY": kept_secret(self.folder / "ats-key"),
            },
            sockets=(listening,),
            log=self.folder / "logs" / "ats.log",
        )

    def dispatcher(self) -> Part:
        """Its dispatcher, as `unghost ats work` runs it."""
        path = self.folder / "unghost.toml"
        keep_private(path, self._settings())
        clock = ("--clock", str(self.clock)) if self.clock else ()
        return Part(
            name="ats-dispatcher",
            module="unghost.sandbox.child",
            arguments=("ats-dispatcher", "--lifeline", "{lifeline}", *clock),
            environment=self._shared() | {"UNGHOST_ATS_CONFIG": str(path)},
            log=self.folder / "logs" / "ats-dispatcher.log",
        )

    @property
    def _database(self) -> str:
        return f"sqlite:///{self.folder / DATABASE}"

    def _settings(self) -> str:
        return (
            f'[ats]\ndatabase_url = {json.dumps(self._database)}\nlease = "10s"\n\n'
            f'[destinations.{_DESTINATION}]\nkind = "unghost"\nbase_url = {json.dumps(self.base_url)}\n'
        )

    def _shared(self) -> dict[str, str]:
        trusted = {"SSL_CERT_FILE": str(self.tls_cert)} if self.tls_cert else {}
        return dict(self.environment) | {"CLIENT_SECRET": self.client_secret} | trusted
