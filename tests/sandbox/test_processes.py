"""Children that end are started again, and what is said of it is theirs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from unghost.sandbox.processes import Part, Processes

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("module", "last"), [("abc", "nothing"), ("no_such_module_here", "No module named")])
async def test_the_last_words_of_a_child_are_its_own(tmp_path: Path, module: str, last: str) -> None:
    """Not those of an earlier run, whose log it goes on with."""
    log = tmp_path / "part.log"
    log.write_text("the former one died of something else\n")
    said: asyncio.Queue[str] = asyncio.Queue()
    processes = Processes(said.put_nowait)
    processes.start(Part(name="part", module=module, arguments=(), environment={}, log=log))
    try:
        async with asyncio.timeout(60):
            for _ in range(2):
                message = await said.get()
                assert last in message.partition("its last words")[2] and "the former one" not in message
    finally:
        await processes.stop()
