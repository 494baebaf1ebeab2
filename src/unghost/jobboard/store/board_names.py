"""How the job board's own back end calls an application's job and applicant. Their statuses are read in `reading`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Names:
    """`applicant` and `job` are external ids; an applicant who came by the apply page has none."""

    number: int
    applicant_id: int
    applicant: str | None
    organization: int
    job: str


async def of_applications(connection: AsyncConnection, numbers: Sequence[int]) -> dict[int, Names]:
    """The names of these applications, by number; those that do not exist are left out."""
    async with connection.cursor(row_factory=class_row(Names)) as cursor:
        await cursor.execute(
            """
            SELECT a.number, a.applicant_id, p.external_id AS applicant, a.organization, j.external_id AS job
            FROM jobboard.application AS a
            JOIN jobboard.applicant AS p ON p.id = a.applicant_id
            JOIN jobboard.job AS j ON j.id = a.job_id
            WHERE a.number = ANY (%s::bigint[])
            """,
            (list(numbers),),
        )
        return {names.number: names for names in await cursor.fetchall()}
