"""`unghost ats relay`: the local HTTP endpoint that records activities (spec R29)."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from unghost.cli.ats_tables import Config, tables
from unghost.cli.frame import Wrong
from unghost.clock import SystemClock


def relay(
    *,
    listen: Annotated[str, Parameter(help="Host and port; 0 takes a free one.")] = "127.0.0.1:8410",
    key: Annotated[
        str | None, Parameter(help="Callers must send it as a bearer token: env:NAME or file:PATH that holds it.")
    ] = None,
    config: Config = None,
) -> int:
    """Serve POST /activities, for programs in any language on this machine, until it is stopped."""
    from unghost.ats import secret
    from unghost.ats.integrations.relay import PATH, Relay, RelayError
    from unghost.ats.store.database import see_tables

    host, port = _address(listen)
    try:
        wanted = None if key is None else secret.read(key)
    except secret.SecretError as error:
        raise Wrong(str(error)) from None
    with tables(config) as own:
        see_tables(own.engine)
        try:
            server = Relay(host, port, own.engine, SystemClock(), wanted)
        except RelayError as error:
            raise Wrong(str(error)) from None
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise Wrong(f"--listen {listen} cannot be used ({said}): give another host or port") from None

        def stop(*_: object) -> None:
            # Not from this thread: the server's loop runs in it.
            threading.Thread(target=server.shutdown).start()

        with server:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, stop)
            shown = f"[{host}]" if ":" in host else host
            print(f"unghost: POST activities to http://{shown}:{server.server_port}{PATH}", file=sys.stderr, flush=True)
            server.serve_forever()
    return 0


def _address(listen: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.path or parts.username:
        raise Wrong(f"--listen is {listen!r}: give host and port, such as 127.0.0.1:8410")
    return host, port
