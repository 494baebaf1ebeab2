"""Writes the tables of a database as SQL, from its catalog: the same text from every PostgreSQL since 15.

What it does not know (views, functions, types, …) it refuses, so that the text is whole or does not exist.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

from unghost.postgres.embedded import Embedded
from unghost.postgres.errors import PostgresError
from unghost.postgres.migrate import PACKAGE, migrate

TABLES = """
    SELECT c.oid, c.relname, c.reloptions FROM pg_class c
    WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND c.relname <> 'migration' ORDER BY c.relname
"""
COLUMNS = """
    SELECT quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
           pg_get_expr(d.adbin, d.adrelid),
           (SELECT s.seqstart FROM pg_sequence s JOIN pg_depend p ON p.objid = s.seqrelid
             WHERE p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'i')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
# Constraints of NOT NULL, which PostgreSQL 18 lists too, stand with their columns.
CONSTRAINTS = """
    SELECT quote_ident(conname), contype, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s AND contype <> 'n' ORDER BY position(contype::text IN 'pucxf'), conname
"""
INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = %s AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    ORDER BY c.relname
"""
UNKNOWN = """
    SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
       AND (relkind NOT IN ('r', 'i', 'S') OR relpersistence <> 'p' OR relrowsecurity)
    UNION ALL SELECT 'sequence ' || c.relname FROM pg_class c
     WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'S'
       AND NOT EXISTS (SELECT 1 FROM pg_depend p WHERE p.objid = c.oid AND p.deptype = 'i')
    UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
    UNION ALL SELECT 'type ' || t.typname FROM pg_type t WHERE t.typnamespace = %(schema)s::regnamespace
       AND t.typelem = 0 AND t.typtype <> 'c'
    UNION ALL SELECT 'trigger ' || g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
     WHERE c.relnamespace = %(schema)s::regnamespace AND NOT g.tgisinternal
"""
HEAD = "-- Generated from the migrations by `make schema`; a test proves it equal to them. Do not edit.\n"


def dump(connection: psycopg.Connection[Any], schema: str = "jobboard") -> str:
    """The schema as statements that make it again. Raises `PostgresError` for something it cannot write."""
    if unknown := connection.execute(UNKNOWN, {"schema": schema}).fetchone():
        raise PostgresError(f"{schema} has the {unknown[0]}, which schema.sql cannot show: teach it to schema.py")
    parts, references = [f"CREATE SCHEMA {schema};\n"], []
    for oid, name, options in connection.execute(TABLES, [schema]).fetchall():
        table = f"{schema}.{name}"
        lines = [_column(*column) for column in connection.execute(COLUMNS, [oid]).fetchall()]
        for constraint, kind, definition in connection.execute(CONSTRAINTS, [oid]).fetchall():
            if kind == "f":
                references.append(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition};\n")
            else:
                lines.append(f"CONSTRAINT {constraint} {definition}")
        stored = f" WITH ({', '.join(options)})" if options else ""
        indexes = [f"{definition};\n" for (definition,) in connection.execute(INDEXES, [oid]).fetchall()]
        parts.append(f"CREATE TABLE {table} (\n    " + ",\n    ".join(lines) + f"\n){stored};\n" + "".join(indexes))
    return "\n".join([HEAD, *parts, "".join(references)])


def _column(
    name: str, kind: str, filled: bool, identity: str, generated: str, default: str | None, start: int | None
) -> str:
    text = f"{name} {kind}"
    if identity:
        how = "ALWAYS" if identity == "a" else "BY DEFAULT"
        return f"{text} GENERATED {how} AS IDENTITY" + (f" (START WITH {start})" if start != 1 else "")
    if generated:
        return f"{text} GENERATED ALWAYS AS ({default}) STORED" + (" NOT NULL" if filled else "")
    return text + (f" DEFAULT {default}" if default is not None else "") + (" NOT NULL" if filled else "")


def main() -> None:
    """`make schema`: write the job board's schema.sql beside its migrations, from a server made for it."""
    with tempfile.TemporaryDirectory() as folder, Embedded(Path(folder)) as url:
        migrate(url)
        with psycopg.connect(url) as connection:
            written = dump(connection)
    path = Path(str(files(PACKAGE))) / "schema.sql"
    path.write_text(written, encoding="utf-8")
    print(path.name)


if __name__ == "__main__":
    main()
