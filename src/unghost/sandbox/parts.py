"""The child processes of the demo and of the sandbox, and the loopback ports on which they listen.

The example ATS takes the place of the pretend settings page where there is one. Must not know what a part does.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unghost.sandbox.example_ats import ExampleAts
from unghost.sandbox.processes import Part, listen

HOST = "127.0.0.1"
#: Where the fault rules lie in the data directory.
FAULTS = "rules.json"
#: Where people look first; each is taken only if it is free and no other port was asked for.
USUAL_PORT, USUAL_CONTROL_PORT = 8400, 8401


class PortTaken(Exception):
    """A port that was asked for cannot be used. The message is one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A socket for each who listens. `control` is None in a demo."""

    board: socket.socket
    smtp: socket.socket
    inbox: socket.socket
    host: socket.socket
    control: socket.socket | None

    def close(self) -> None:
        """Close them here; the children have their own."""
        for bound in (self.board, self.smtp, self.inbox, self.host, self.control):
            if bound is not None:
                bound.close()


def listening(port: int | None, control: bool, control_port: int | None, last: int | None = None) -> Listening:
    """Open the ports. None: the usual one if it is free; 0: any. Raises `PortTaken`.

    `last`: that of the ATS's pages the last time, which a kept board's jobs name; taken again if it is free.
    """
    return Listening(
        board=_usual(port, USUAL_PORT),
        smtp=listen(HOST, 0),
        inbox=listen(HOST, 0),
        host=_usual(None, last or 0),
        control=_usual(control_port, USUAL_CONTROL_PORT) if control else None,
    )


def address(bound: socket.socket) -> str:
    """The URL of what listens there."""
    return f"http://{HOST}:{bound.getsockname()[1]}/"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the parts are made for. `clock` is the file of the test clock, None: the system's clock."""

    folder: Path
    environment: Mapping[str, str]
    base_url: str
    client_id: str
    own_inbox: bool
    temporary: bool
    tls_cert: Path | None
    tls_key: Path | None
    clock: Path | None
    ats: ExampleAts | None = None


def parts(plan: Plan, listening: Listening) -> tuple[list[Part], list[Part]]:
    """Every child process, in the order in which they are started: those whose answer is waited for, then the rest."""
    clock = ("--clock", str(plan.clock)) if plan.clock else ()

    def part(kind: str, *arguments: str, sockets: tuple[socket.socket, ...] = (), nth: str = "") -> Part:
        listen = [word for i in range(len(sockets)) for word in ("--listen", f"{{{i}}}")]
        return Part(
            name=kind + nth,
            module="unghost.sandbox.child",
            arguments=(kind, "--lifeline", "{lifeline}", *listen, *clock, *arguments),
            environment=plan.environment,
            sockets=sockets,
            log=plan.folder / "logs" / f"{kind}{nth}.log",
        )

    tls = ["--tls-cert", str(plan.tls_cert), "--tls-key", str(plan.tls_key)] if plan.tls_cert else []
    inbox_url = address(listening.inbox) if plan.own_inbox else ""
    started = []  # the board first: it takes longest
    if listening.control is None:
        started.append(part("web", *tls, sockets=(listening.board,)))
    else:
        there = ("--inbox", inbox_url, *(("--ats", address(listening.host)) if plan.ats else ()))
        started.append(part("board", *there, *tls, sockets=(listening.board, listening.control)))
    if plan.own_inbox:
        kept = str(plan.folder / "inbox.jsonl")
        faults = ("--faults", str(plan.folder / FAULTS)) if plan.clock else ()
        started.append(part("inbox", "--path", kept, *faults, sockets=(listening.smtp, listening.inbox)))
    if plan.ats is not None:
        started.append(plan.ats.ats(listening.host))
    else:
        host = ("--board", plan.base_url, "--client-id", plan.client_id)
        started.append(part("host", *host, sockets=(listening.host,)))
    if plan.temporary:
        started.append(part("sweep", "--path", str(plan.folder)))
    # The ATS makes its tables as it starts, and its dispatcher wants them.
    reporting = [plan.ats.dispatcher()] if plan.ats else []
    if not plan.clock:
        return [*started, part("dispatcher")], reporting
    # Winding makes days of mails due at once: two dispatchers tell them in half the time, and hold up no start.
    control = ("--control", address(listening.control)) if listening.control else ()
    return started, [part("dispatcher", *control), part("dispatcher", *control, nth="-2"), *reporting]


def _usual(asked: int | None, usual: int) -> socket.socket:
    try:
        return listen(HOST, usual if asked is None else asked)
    except (OSError, OverflowError) as error:
        if asked is not None:
            raise PortTaken(f"port {asked} cannot be used ({error}): give another, or 0 for any") from None
        return listen(HOST, 0)
