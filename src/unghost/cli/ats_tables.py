"""What the commands share that look at the ATS's own tables: its settings, its database, errors as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from unghost.cli.frame import Wrong

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from unghost.ats.history import History
    from unghost.ats.stages import Stages

Config = Annotated[
    Path | None, Parameter(help="The settings; unset: the file that UNGHOST_ATS_CONFIG names, else ./unghost.toml.")
]


@dataclass(frozen=True)
class Tables:
    """The ATS's database, and what the settings say of its stages. `history` and `stages` may be missing."""

    engine: Engine
    history: History | None
    stages: Stages | None

    def past(self) -> tuple[History, Stages]:
        """History and stages. Raises `Wrong` if one is missing."""
        from unghost.ats import stages

        if self.history is None:
            raise Wrong('[history] is missing: write its query = "SELECT application_id, stage, at FROM …"')
        return self.history, self.stages or stages.read(None)


@contextmanager
def tables(config: Path | None) -> Iterator[Tables]:
    """Open them. Every complaint about settings, stages, history or database inside is raised as `Wrong`."""
    from unghost.ats import history, stages
    from unghost.ats.settings import SettingsError, load
    from unghost.ats.store.database import asking, open_engine

    engine = None
    try:
        settings = load(config)
        engine = open_engine(settings.database_url)
        past, table = history.read(settings.others.get("history")), settings.others.get("stages")
        with asking(engine):
            yield Tables(engine, past, None if table is None else stages.read(table))
    except (SettingsError, stages.StagesError, history.HistoryError) as error:
        raise Wrong(str(error)) from None
    finally:
        if engine is not None:
            engine.dispose()
