"""`unghost ats`: the ATS's end. Dispatchers, tables, and what the operator asks (spec R31)."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from unghost.cli.frame import ATS_VARIABLE, count, out, until_stopped

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from unghost.ats.settings import Settings

ats = App(name="ats", help="The ATS's end: report what recruiters do.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Config:
    """The option of every command of the ATS's end."""

    config: Annotated[
        Path | None, Parameter(help=f"The settings. Default: what {ATS_VARIABLE} names, else unghost.toml.")
    ] = None

    def settings(self) -> Settings:
        """The settings. Raises `SettingsError`."""
        from unghost.ats.settings import load

        return load(self.config)

    @contextmanager
    def database(self) -> Iterator[Engine]:
        """The ATS's database. Raises `SettingsError`."""
        from unghost.ats.store.database import open_engine

        engine = open_engine(self.settings().database_url)
        try:
            yield engine
        finally:
            engine.dispose()


HERE = Config()
ats.command("unghost.cli.ats_customer:customer", name="customer", help="Customers: whom is reported for, and where.")
for _name, _help in {
    "status": "Show for each customer what waits, what is dead, and what is wrong.",
    "dead": "List dead letters, each with its reason and the remedy.",
    "redrive": "Put dead letters back into their lines.",
}.items():
    ats.command(f"unghost.cli.ats_looking:{_name}", name=_name, help=_help)
for _module, _name, _help in (
    ("coverage", "coverage", "Say of every applicant received what was reported and what is missing."),
    ("coverage", "backfill", "Record what `unghost ats coverage` says is missing."),
    ("stages", "stages", "Print what [stages] would have reported over the past."),
    ("trigger", "trigger", "Print the SQL of triggers that record a stage column's changes."),
    ("relay", "relay", "Serve POST /activities, for programs in any language on this machine."),
):
    ats.command(f"unghost.cli.ats_{_module}:{_name}", name=_name, help=_help)


@ats.command
def work(
    *,
    processes: Annotated[int, Parameter(help="How many dispatchers work side by side.")] = 1,
    once: Annotated[bool, Parameter(help="End when nothing is due any more that can be sent.", negative="")] = False,
    config: Config = HERE,
) -> int:
    """Run dispatchers until SIGINT or SIGTERM; what is being sent is finished first.

    Any number of them may run on any number of machines against one database, and any may be killed. Exit code 1 of
    --once: a customer's activities wait because something is wrong.
    """
    count("--processes", processes)
    settings = config.settings()
    _usable(settings)
    if once:
        return _told(asyncio.run(_once(settings)), config)
    from unghost.sandbox.processes import Part

    environment = dict(os.environ)
    if config.config is not None:
        environment[ATS_VARIABLE] = str(config.config.absolute())
    parts = [
        Part(
            name=f"dispatcher-{number}",
            module="unghost.sandbox.child",
            arguments=("ats-dispatcher", "--lifeline", "{lifeline}"),
            environment=environment,
        )
        for number in range(1, processes + 1)
    ]
    places = ", ".join(settings.destinations)
    asyncio.run(until_stopped(parts, f"unghost reports to {places}, {processes} dispatcher(s)"))
    return 0


@ats.command
def migrate(*, config: Config = HERE) -> int:
    """Create the three tables in the ATS's database. Running it again does no harm."""
    from unghost.ats.store.database import create_tables
    from unghost.ats.store.schema import NAMES

    with config.database() as engine:
        made = create_tables(engine)
    console = out()
    for name in NAMES:
        console.print(f"{name}: {'created' if name in made else 'there already'}")
    return 0


def _usable(settings: Settings) -> None:
    """See that there is somewhere to report to and that the tables are there. Raises `SettingsError`."""
    from unghost.ats.settings import SettingsError
    from unghost.ats.store.database import open_engine, see_tables

    if not settings.destinations:
        raise SettingsError("there is no [destinations.…] in the settings: add one with kind and base_url")
    engine = open_engine(settings.database_url)
    try:
        see_tables(engine)
    finally:
        engine.dispose()


def _told(turns: int, config: Config) -> int:
    """Say how a run ended; its exit code."""
    from unghost.cli.ats_looking import held_up

    lines = held_up(config)
    out().print(f"{turns} turns were taken: {'not all that waits could be sent' if lines else 'nothing more is due'}")
    for line in lines:
        out().print(line, soft_wrap=True)
    return 1 if lines else 0


async def _once(settings: Settings) -> int:
    from unghost.ats import dispatcher
    from unghost.clock import SystemClock

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await dispatcher.run_once(settings, SystemClock(), stop)
