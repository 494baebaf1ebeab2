"""`unghost ats stages`: what the table of stages would have reported over the ATS's past (spec R33)."""

from __future__ import annotations

import json as json_module
from typing import Annotated

from cyclopts import Parameter

from unghost.cli.ats_tables import Config, tables
from unghost.cli.frame import out


def stages(
    *,
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    config: Config = None,
) -> int:
    """Print for each stage of the history what would have been reported, and how often. Nothing is recorded.

    Exit code 1: a stage is not written down in [stages].
    """
    from rich.table import Table
    from rich.text import Text

    from unghost.ats.coverage import dry_run
    from unghost.ats.stages import NOTHING

    with tables(config) as own:
        history, table_of_stages = own.past()
        with own.engine.begin() as connection:
            found = dry_run(connection, history, table_of_stages)
    unmapped = [each for each in found.stages if not each.is_mapped]
    if json:
        stages_data = [
            {
                "stage": each.name,
                "activity": str(each.kind or NOTHING) if each.is_mapped else None,
                "entered": each.entered,
                "would_report": each.from_a_board if each.kind else 0,
            }
            for each in found.stages
        ]
        data = {"stages": stages_data, "rejections_left": found.left}
        print(json_module.dumps(data, indent=2, ensure_ascii=False))
        return 1 if unmapped else 0
    console = out()
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("stage", overflow="fold")
    table.add_column("activity", no_wrap=True)
    for name in ("entered", "by applications of a board", "would be reported"):
        table.add_column(name, justify="right")
    for each in found.stages:
        word = Text(str(each.kind or NOTHING)) if each.is_mapped else Text("not written down", "red")
        reported = each.from_a_board if each.kind else 0
        stage = "(none)" if each.name is None else str(each.name)
        table.add_row(stage, word, f"{each.entered:,}", f"{each.from_a_board:,}", f"{reported:,}")
    console.print(table)
    console.print()
    if found.left:
        console.print(f"A rejection's stage was left {found.left:,} times: each would be reported as unrejected.")
    if unmapped:
        names = ", ".join("(none)" if each.name is None else f'"{each.name}"' for each in unmapped)
        console.print(f"Not written down: {names}. Give each an activity in [stages], or {NOTHING}.", soft_wrap=True)
    else:
        console.print("Every stage of the history is written down.")
    return 1 if unmapped else 0
