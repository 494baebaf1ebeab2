"""`unghost ats trigger`: a database trigger that records a stage column's changes (spec R29)."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from unghost.cli.ats_tables import Config, tables
from unghost.cli.frame import Wrong


def trigger(
    *,
    table: Annotated[str, Parameter(help="The ATS's table with the stage, schema.table too.")],
    id: Annotated[str, Parameter(help="Its column with the ATS's own id, as it is given to record.")] = "id",
    stage: Annotated[str, Parameter(help="Its column with the stage.")] = "stage",
    organization: Annotated[
        str | None,
        Parameter(
            help="Its column with the customer's number; unset: an id that several customers have is not recorded."
        ),
    ] = None,
    dialect: Annotated[
        Literal["postgresql", "mysql", "sqlite"] | None,
        Parameter(help="The database, mysql for MariaDB too; unset: that of [ats] database_url."),
    ] = None,
    config: Config = None,
) -> int:
    """Print the SQL of triggers that record what [stages] says of a column. Nothing is run."""
    from unghost.ats.stages import read
    from unghost.ats.store.database import dialect_of
    from unghost.ats.store.trigger import Column, TriggerError, statements

    with tables(config) as own:
        stages = own.stages or read(None)
        dialect_of_url = dialect_of(own.engine)
    try:
        found = statements(dialect or dialect_of_url, Column(table, id, stage, organization), stages)
    except TriggerError as error:
        raise Wrong(str(error)) from None
    print(
        "-- By unghost ats trigger, from [stages]. Run it in the ATS's database, and again when [stages] has changed."
    )
    for statement in found:
        print(f"{statement};\n")
    return 0
