"""Follows a page of docs/howto to the letter: writes the files that it names, runs its commands, in its order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.house.sources import ROOT, SOURCE, text

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WRITE = re.compile(r"(?:^|\n)`([\w./-]+)`[^`\n]*(?:[^\n]*\n?[^\n]*)?:\s*$")
APPEND = re.compile(r"At the end of `([\w./-]+)`:\s*$")
REPLACE = re.compile(r"In `([\w./-]+)`, instead of `([^`]+)`:\s*$")


def wheel(folder: Path) -> Path:
    """unghost as it would be published, built from the tree."""
    uv = Path(sys.executable).with_name("uv")
    command: list[str | Path] = [
        uv,
        "build",
        "--wheel",
        "--offline",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "-o",
        folder,
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    built = subprocess.run(
        [*command, ROOT], env=os.environ | {"PATH": path, "VIRTUAL_ENV": sys.prefix}, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("unghost-*.whl"))


@dataclass(frozen=True)
class Project:
    """A folder with a virtual environment of its own. What a page says of 127.0.0.1:8400 is done at `board`."""

    folder: Path
    environment: Mapping[str, str]
    board: str

    @classmethod
    def clean(cls, folder: Path, wheel: Path, board: str = "", **variables: str) -> Project:
        """Packages come from where the machine's pip takes them, unghost itself from the wheel."""
        folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
        links = f"{wheel.parent} {os.environ.get('PIP_FIND_LINKS', '')}".strip()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("UNGHOST_", "PYTHON", "DJANGO_", "VIRTUAL_ENV"))
        }
        path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        own = {"PATH": path, "PIP_FIND_LINKS": links, "PYTHONPATH": str(folder), "COLUMNS": "200"}
        return cls(folder, kept | own | variables, board)

    def run(self, command: str) -> str:
        """What a shell says that runs this."""
        done = subprocess.run(
            ["sh", "-ec", command], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def is_of_the_tree(self) -> None:
        """The package that was installed is the one that was built, and not one of that name from elsewhere."""
        (installed,) = (self.folder / ".venv").glob("lib/python*/site-packages/unghost")
        for name in ("ats/record.py", "ats/integrations/django/migrations/0001_tables.py"):
            assert (installed / name).read_bytes() == (SOURCE / name).read_bytes()

    def follow(self, page: str, begin: str = "", end: str | None = None) -> list[str]:
        """Do what the page says from the heading `begin` to the heading `end`. Gives what its commands said."""
        said = []
        for kind, where, content in _steps(page, begin, end):
            content = content.replace("http://127.0.0.1:8400", self.board)
            if kind == "run":
                said.append(self.run(content))
                if "pip install" in content and "unghost" in content:
                    self.is_of_the_tree()
                continue
            path = self.folder / where[0]
            path.parent.mkdir(exist_ok=True)
            if kind == "append":
                content = path.read_text() + content
            if kind == "replace":
                before = path.read_text()
                assert where[1] in before, f"{path.name} has no {where[1]}"
                content = before.replace(where[1], content)
            path.write_text(content)
        return said


def _steps(page: str, begin: str, end: str | None) -> Iterator[tuple[str, tuple[str, ...], str]]:
    written = text(ROOT / "docs" / "howto" / page)
    written = written[written.index(begin) :]
    written = written[: written.index(end)] if end else written
    last = 0
    for block in BLOCK.finditer(written):
        before, last = written[last : block.start()].rstrip(), block.end()
        before = before.rpartition("\n\n")[2]
        if block[1] == "sh":
            yield "run", (), block[2]
        elif found := REPLACE.search(before):
            yield "replace", found.groups(), block[2]
        elif found := APPEND.search(before):
            yield "append", found.groups(), block[2]
        elif found := WRITE.search(before):
            yield "write", found.groups(), block[2]
        else:
            assert "if you must" in written[: block.start()].rpartition("\n## ")[2], (
                f"nothing says where to put\n{block[2]}"
            )
