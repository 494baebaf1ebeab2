"""Every demand of the spec that is built is cited by the code that obeys it and by a test that proves it."""

from __future__ import annotations

import re

import pytest

from tests.house.sources import ROOT, text, tracked

BUILT = [*range(1, 43)]
LAST = 42
CITED = re.compile(r"\bR([1-9][0-9]?)\b")


def cited(room: str) -> dict[int, str]:
    """The numbers that a room cites, each with a file that does."""
    house = ROOT / "tests" / "house"
    return {
        int(number): path.relative_to(ROOT).as_posix()
        for path in tracked()
        if ROOT / room in path.parents and house not in path.parents
        for number in CITED.findall(text(path))
    }


@pytest.mark.parametrize("room", ["src", "tests"])
def test_every_demand_that_is_built_is_cited(room: str) -> None:
    missing = [f"R{number}" for number in BUILT if number not in cited(room)]
    assert not missing, f"{room} does not cite {', '.join(missing)}: write `spec R…` where it is obeyed or proved"


@pytest.mark.parametrize("room", ["src", "tests"])
def test_no_demand_is_cited_that_does_not_exist(room: str) -> None:
    assert {number: path for number, path in cited(room).items() if number > LAST} == {}
