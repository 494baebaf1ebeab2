"""The project's own files, read for the house tests."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "unghost"


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is or is about to be committed; outside a repository, every file of the rooms."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listing.returncode == 0:
        found = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        rooms = ("src", "tests", "docs", "benchmarks", ".ci")
        found = [*ROOT.glob("*.*"), *(path for room in rooms for path in (ROOT / room).rglob("*"))]
    return tuple(sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts))


def text(path: Path) -> str:
    """A file's text; a binary one gives none."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode(errors="replace")


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Each module of unghost: its path below src/unghost, and its syntax tree."""
    return tuple(
        (path.relative_to(SOURCE).as_posix(), ast.parse(text(path)))
        for path in tracked()
        if path.suffix == ".py" and SOURCE in path.parents
    )


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The strings of a module and their lines, without docstrings."""
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.lineno, node.value
