"""`unghost migrate`: brings the database up to date."""

from __future__ import annotations

from unghost.cli.frame import HERE, Where, out


def migrate(*, where: Where = HERE) -> int:
    """Bring the database up to date. Running it again, or at the same time elsewhere, does no harm."""
    from unghost import postgres
    from unghost.sandbox.deployment import deployed

    with deployed(where.settings()) as settings:
        assert settings.database_url is not None
        console = out()
        with console.status("Migrating …"):
            applied = postgres.migrate(settings.database_url)
        for name in applied:
            console.print(f"applied {name}")
        if not applied:
            console.print("nothing to do: the database is up to date")
    return 0
