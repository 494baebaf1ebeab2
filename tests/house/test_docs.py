"""What the documentation says is there: links, files, settings, commands, and pages written from the code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest
from tools import reference

from tests.house.sources import ROOT, SOURCE, text, tracked
from tests.house.test_spec_numbers import BUILT, LAST
from unghost.cli.frame import ATS_VARIABLE, REPORT_VARIABLES
from unghost.jobboard.settings import PREFIX, Settings

PAGES = [path for path in tracked() if path.suffix == ".md" and (path.parent == ROOT or ROOT / "docs" in path.parents)]
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
FILE = re.compile(
    r"(?<![\w/.<-])(?:[\w-]+/)*[\w-]+\.(?:py|md|toml|sql|txt|html|lock)\b|(?<![\w/.<-])(?:[\w-]+/)+(?![\w<])"
)
# Where a path in the documentation may begin.
BEGINNINGS = [ROOT, SOURCE, SOURCE / "jobboard", SOURCE / "jobboard" / "web", SOURCE / "jobboard" / "wording"]
BEGINNINGS += [SOURCE / "ats", SOURCE / "ats" / "destinations", SOURCE / "sandbox"]
# Files that an example writes, and rooms that are planned.
NOT_OURS = {
    "offer.html",
    "certificate.html",
    "site/",
    "conftest.py",
    "my_ats.py",
    "test_my_ats.py",
    "unghost.toml",
    "manage.py",
}
ARCHITECTURE = text(ROOT / "ARCHITECTURE.md")
DECISIONS = ROOT / "docs" / "decisions"
#: Kilobytes of a picture.
LARGEST = 200


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site and code hosts write them."""
    content = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    if "--8<--" in content:
        content = ARCHITECTURE
    headings = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(page: Path) -> str:
    """What a page shows as code."""
    return "\n".join(CODE.findall(text(page)))


@cache
def commands() -> dict[str, set[str]]:
    """Each command of the reference, e.g. `customer hold`, with its options."""
    sections = re.split(r"^#+ unghost ", reference.pages()["cli.md"], flags=re.MULTILINE)[1:]
    return {
        section.partition("\n")[0].strip(): set(re.findall(r"^\* `.*?(--[a-z-]+)", section, re.MULTILINE))
        for section in sections
    }


@pytest.mark.parametrize("name", reference.pages())
def test_the_reference_is_what_the_code_says(name: str) -> None:
    assert text(reference.FOLDER / name) == reference.pages()[name], "run make reference"


@EACH
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for groups in LINK.findall(re.sub(r"```.*?```|`[^`\n]+`", "", text(page), flags=re.DOTALL)):
        link = next(filter(None, groups))
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong, f"{page.name} links to {wrong}"


@EACH
def test_every_file_that_is_named_exists(page: Path) -> None:
    if page.name == "CHANGELOG.md" or page.parent == reference.FOLDER:
        return
    named = set(
        FILE.findall(re.sub(r"https?://\S+|urn:\S+|/\S+", "", "\n".join(re.findall(r"`([^`\n]+)`", text(page)))))
    )
    wrong = [name for name in named - NOT_OURS if not any((begin / name).exists() for begin in BEGINNINGS)]
    assert not wrong, f"{page.name} names {sorted(wrong)}"


@EACH
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {PREFIX + each.name.upper() for each in fields(Settings)}
    known |= {f"{name}_FILE" for name in known} | {*REPORT_VARIABLES, ATS_VARIABLE}
    known |= {"UNGHOST_TEST_DATABASE_URL", "UNGHOST_TEST_WRITE_SNAPSHOTS"}
    wrong = set(re.findall(r"\bUNGHOST_[A-Z][A-Z_]*[A-Z]\b(?!…)", text(page))) - known
    assert not wrong, f"{page.name} names {sorted(wrong)}"


@EACH
def test_every_command_that_is_shown_can_be_given(page: Path) -> None:
    wrong = []
    for line in re.sub(r"\\\n", " ", code(page)).splitlines():
        for said in re.findall(r"(?<![\w/.@:-])(?:\.venv/bin/)?unghost (?!import )((?:[a-z]+ ?)+[^`|#]*)", line):
            words = said.split()
            command = next((name for n in (3, 2, 1) if (name := " ".join(words[:n])) in commands()), None)
            if command is None:
                wrong.append(f"unghost {said}")
            else:
                wrong += [f"{command} {o}" for o in re.findall(r"--[a-z-]+", said) if o not in commands()[command]]
    assert not wrong, f"{page.name} shows {wrong}"


@EACH
def test_every_make_target_that_is_shown_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    wrong = set(re.findall(r"\bmake ([a-z]+)", code(page))) - targets
    assert not wrong, f"{page.name} shows make {sorted(wrong)}"


def test_every_page_that_the_code_names_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT).as_posix()} names {name}"
        for path in tracked()
        if {"src", "tests"} & set(path.relative_to(ROOT).parts[:1])
        for name in re.findall(r"\bdocs/[\w/-]+\.md\b", text(path))
        if not (ROOT / name).exists()
    ]
    assert not wrong, "; ".join(wrong)


def test_the_map_shows_every_room_and_nothing_else() -> None:
    tree = ARCHITECTURE.partition("```text\n")[2].partition("```")[0]
    rooms = [path for folder in (SOURCE, SOURCE / "jobboard") for path in folder.iterdir()]
    missing = [
        path.name
        for path in rooms
        if not path.name.startswith("_") and path.suffix in ("", ".py") and not re.search(rf"\b{path.name}\b", tree)
    ]
    assert not missing, f"ARCHITECTURE.md does not show {missing}"
    missing = [path.name for path in (ROOT / "tests").glob("[a-z]*/") if path.is_dir() and f" {path.name}/" not in tree]
    assert not missing, f"ARCHITECTURE.md does not show {missing}"
    shown = set(re.findall(r"\b([a-z_0-9]+(?:\.py|\.sql|/))", tree))
    there = {path.name + "/" * path.is_dir() for room in ("src", "tests") for path in (ROOT / room).rglob("*")}
    there |= {path.name + "/" * path.is_dir() for path in ROOT.iterdir()} | {
        "howto/",
        "decisions/",
        "reference/",
        "peers/",
    }
    assert not shown - there, f"ARCHITECTURE.md shows {sorted(shown - there)}"


def test_the_spec_page_says_of_each_demand_whether_it_is_built() -> None:
    rows = dict(
        re.findall(r"^\| R(\d+) \| .+? \| (\w+)[^|]* \| [^|]*\|$", text(ROOT / "docs" / "spec.md"), re.MULTILINE)
    )
    assert [int(number) for number in rows] == list(range(1, LAST + 1))
    assert set(rows.values()) <= {"yes", "partly", "later"}
    assert [number for number, said in rows.items() if said == "later" and int(number) in BUILT] == []
    assert [number for number, said in rows.items() if said == "yes" and int(number) not in BUILT] == []


def test_every_decision_is_listed_under_its_number() -> None:
    listed = dict(re.findall(r"^(\d+)\. \[.+\]\((.+)\.md\)$", text(DECISIONS / "index.md"), re.MULTILINE))
    assert [int(number) for number in listed] == list(range(1, len(listed) + 1))
    assert set(listed.values()) == {path.stem for path in DECISIONS.glob("*.md")} - {"index"}
    for number, name in listed.items():
        page = text(DECISIONS / f"{name}.md")
        if page.startswith(f"# {number}. "):
            assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [
                "Context",
                "Decision",
                "Alternatives",
                "Consequences",
            ]


def test_the_readme_opens_with_what_everybody_must_know() -> None:
    first = "\n".join(text(ROOT / "README.md").splitlines()[:34])
    for said in ("make demo", "<picture>", "Apache-2.0", "not affiliated with, endorsed or sponsored by LinkedIn"):
        assert said in first, f"the README's first screen lacks {said}"
    assert "Apache License" in text(ROOT / "LICENSE")


def test_pictures_are_small() -> None:
    pictures = [path for path in tracked() if ROOT / "docs" / "images" in path.parents]
    assert [path.name for path in pictures if path.stat().st_size > LARGEST * 1024] == []


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for name in ("zensical.toml", "ARCHITECTURE.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "src").symlink_to(ROOT / "src")
    command: list[str | Path] = [Path(sys.executable).with_name("zensical"), "build", "--clean", "--strict"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert built.returncode == 0, re.sub(r"\x1b\[[0-9;]*m", "", built.stdout + built.stderr)
    loaded = [
        f"{page.name}: {address}" for page in (tmp_path / "site").rglob("*.html") for address in _loaded(text(page))
    ]
    assert not loaded, "; ".join(loaded)


def _loaded(page: str) -> Iterator[str]:
    for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page):
        if 'rel="canonical"' not in tag:
            yield from re.findall(r"(?:src|srcset|href)=\"?((?:https?:)?//[^\"\s>]+)", tag)


def test_the_site_leads_to_every_page() -> None:
    listed = set(re.findall(r'"([\w/-]+\.md)"', text(ROOT / "zensical.toml")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in PAGES if ROOT / "docs" in path.parents}
    assert pages == listed, "name each page of docs/ in the nav of zensical.toml"
