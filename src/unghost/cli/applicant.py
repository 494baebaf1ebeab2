"""`unghost applicant erase`: erases a person with all that belongs to them (spec R20).

Prints how much was erased, never a name or an address.
"""

from __future__ import annotations

import json as json_module
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from unghost.cli import reading
from unghost.cli.frame import HERE, Where, Wrong, board, out, run, tombstones

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from unghost.jobboard.store.erasing import Erased

applicant = App(name="applicant", help="Applicants: erase one.")


@applicant.command
def erase(
    external_id: Annotated[str | None, Parameter(help="The applicant's name in the job board's own back end.")] = None,
    *,
    application: Annotated[
        str | None, Parameter(help="Any of their applications instead: urn:li:jobApplication:12345678, or 12345678.")
    ] = None,
    yes: Annotated[bool, Parameter(help="Do not ask.", negative="")] = False,
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    where: Where = HERE,
) -> int:
    """Erase an applicant: their data, applications, résumés, and what waits to be told, held or not. For good.

    Needs the board's secret key, for what stays are keyed tombstones: late reports are answered 404, and the job
    board's own back end cannot put them back. A mail that is being sent is waited for.
    """
    if (external_id is None) == (application is None):
        raise Wrong("it is not clear who: give the applicant's external id, or --application with one of theirs")
    name = None if external_id is None else reading.text("the external id", external_id)
    number = None if application is None else reading.application(application)
    known = tombstones(where)
    if known is None:
        raise Wrong("the board's secret key is not here: set UNGHOST_SECRET_KEY or --data-dir as the board has it")
    if not (yes or _agreed()):
        out().print("nothing was erased")
        return 1

    async def work() -> int:
        from unghost.clock import SystemClock
        from unghost.jobboard.erase import Eraser
        from unghost.jobboard.store import erasing

        eraser = Eraser(tombstones=known, clock=SystemClock(), lease=where.settings().lease)
        digest = known.of_application(number) if number is not None else known.of_applicant(str(name))
        async with board(where) as connection:
            found = await _found(connection, name, number)
            erased = None if found is None else await eraser.erase(lambda: nullcontext(connection), found)
            before = None if erased else await erasing.erased_at(connection, digest)
        if erased is None and before is None:
            raise Wrong("no such applicant: the name or number was never known here, or another secret key erased them")
        if json:
            print(
                json_module.dumps({"erased": erased and asdict(erased), "erased_before": before and before.isoformat()})
            )
        else:
            out().print(f"erased before, at {before:%Y-%m-%d %H:%M:%S} UTC" if erased is None else _counted(erased))
        return 0

    return run(work())


def _agreed() -> bool:
    """Ask the person at the terminal. Raises `Wrong` if there is none."""
    if not sys.stdin.isatty():
        raise Wrong("erasing cannot be undone, and nobody can be asked here: add --yes")
    print("This erases the applicant and all that belongs to them, for good. Go on? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _found(connection: AsyncConnection[Any], name: str | None, number: int | None) -> int | None:
    """The applicant's id."""
    from unghost.jobboard.store import board_names, reading

    if number is not None:
        names = (await board_names.of_applications(connection, [number])).get(number)
        return None if names is None else names.applicant_id
    found = await reading.applicant_named(connection, str(name))
    return None if found is None else found.id


def _counted(erased: Erased) -> str:
    counts = [("application", erased.applications), ("résumé", erased.resumes), ("action", erased.actions)]
    counts += [("notice", erased.notices), ("delivery", erased.deliveries)]
    said = ", ".join(f"{count} {_many(name, count)}" for name, count in counts)
    return f"erased: {said}; {erased.waiting} of the notices had not been told"


def _many(name: str, count: int) -> str:
    if count == 1:
        return name
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
