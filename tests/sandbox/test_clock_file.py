"""The test clock: one file, many readers, forward only (spec R37)."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.running import environment
from unghost.sandbox.clock_file import LAST, ClockFile, WoundBack

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Standing:
    """A system's clock that a test sets."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_new_clock_is_the_systems(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock", Standing())
    assert (clock.now(), clock.stopped, clock.ahead) == (NOON, False, timedelta(0))


def test_a_clock_that_was_wound_runs_on_and_one_that_was_stopped_stands(tmp_path: Path) -> None:
    system = Standing()
    clock = ClockFile(tmp_path / "clock", system)
    clock.wind(NOON + timedelta(hours=72), stopped=False)
    system.at += timedelta(minutes=1)
    assert clock.now() == NOON + timedelta(hours=72, minutes=1)
    clock.stop()
    system.at += timedelta(days=9)
    assert (clock.now(), clock.stopped) == (NOON + timedelta(hours=72, minutes=1), True)
    clock.run()
    system.at += timedelta(seconds=1)
    assert clock.now() == NOON + timedelta(hours=72, minutes=1, seconds=1)
    assert clock.ahead < timedelta(0)  # it stood while the system's clock went on


def test_every_reader_of_the_file_sees_it_at_once_and_a_new_process_too(tmp_path: Path) -> None:
    winder, reader = (ClockFile(tmp_path / "clock") for _ in range(2))
    at = winder.wind(datetime(2031, 7, 1, 8, 30, 0, 123456, UTC), stopped=True)
    assert reader.now() == at
    code = f"from unghost.sandbox.clock_file import *; print(ClockFile(Path({str(tmp_path / 'clock')!r})).now())"
    other = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(at)


def test_it_goes_forward_only_and_says_so_in_one_sentence(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock", Standing())
    with pytest.raises(WoundBack, match=r"stands at 2026-03-01T12:00:00.000Z and goes forward only: give a later"):
        clock.wind(NOON - timedelta(microseconds=1), stopped=False)
    with pytest.raises(WoundBack, match="further than a clock can be wound: give a moment before 2200"):
        clock.wind(LAST + timedelta(days=1), stopped=True)
    assert (clock.now(), clock.stopped) == (NOON, False)


@given(st.datetimes(NOON.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)), st.booleans())
def test_it_is_exact_to_the_microsecond(tmp_path_factory: pytest.TempPathFactory, to: datetime, stopped: bool) -> None:
    clock = ClockFile(tmp_path_factory.mktemp("clock") / "clock", Standing())
    clock.wind(to, stopped=stopped)
    assert (clock.now(), clock.stopped) == (to, stopped)
    clock.begin_again()
    assert clock.now() == NOON
    clock.put_back(to if stopped else None, to - NOON)
    assert (clock.now(), clock.stopped) == (to, stopped)
