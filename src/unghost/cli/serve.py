"""`unghost serve`: the API and the pages, in one or more processes behind one port."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli.frame import HERE, Where, Wrong, count, tls_files, until_stopped, up_to_date

if TYPE_CHECKING:
    import socket


def serve(
    *,
    host: Annotated[str, Parameter(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port to listen on; 0: any free one.")] = 8400,
    processes: Annotated[int, Parameter(help="How many web processes share the port.")] = 1,
    tls_cert: Annotated[Path | None, Parameter(help="Serve https with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, Parameter(help="The certificate's key (PEM).")] = None,
    where: Where = HERE,
) -> int:
    """Serve the API and the pages until SIGINT or SIGTERM; requests under way are answered first.

    Notices are told by `unghost work`, which runs beside it.
    """
    from unghost.sandbox.deployment import deployed, measured
    from unghost.sandbox.processes import Part, inherited_environment, listen

    count("--processes", processes)
    tls_files(tls_cert, tls_key)
    try:
        bound = listen(host, port)
    except (OSError, OverflowError) as error:
        raise Wrong(f"cannot listen on {host}:{port} ({error}): give another --host or --port") from None
    given = where.settings()
    with bound, deployed(given) as settings, measured(settings) as (_, metrics):
        up_to_date(settings, own=given.database_url is None)
        tls = ("--tls-cert", str(tls_cert), "--tls-key", str(tls_key)) if tls_cert else ()
        address = _address(bound, host, tls_cert)
        if "UNGHOST_BASE_URL" not in os.environ and host not in _EVERYWHERE and settings.base_url != address:
            settings = replace(settings, base_url=address)
            hint = f"set UNGHOST_BASE_URL={address} for `unghost work` too, so that mails link here"
            print(hint, file=sys.stderr, flush=True)
        environment = inherited_environment() | settings.environment() | metrics
        parts = [
            Part(
                name=f"web-{number}",
                module="unghost.sandbox.child",
                arguments=("web", "--lifeline", "{lifeline}", "--listen", "{0}", *tls),
                environment=environment,
                sockets=(bound,),
            )
            for number in range(1, processes + 1)
        ]
        asyncio.run(until_stopped(parts, f"unghost serves {address}"))
    return 0


#: Addresses to listen on that nobody can be sent to.
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


def _address(bound: socket.socket, host: str, tls_cert: Path | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls_cert else 'http'}://{name}:{bound.getsockname()[1]}"
