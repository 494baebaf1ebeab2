"""Runs an example with its dispatcher, as one process to start and to end: `python -m examples.whole flask_ats`.

Its environment tells it what a partner is told: BOARD_URL, CLIENT_ID, CLIENT_SECRET, ORGANIZATION; and FOLDER, where it
keeps its database. REPORT_TO is where reports go, if not to BOARD_URL.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_STOP_SECONDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run both until SIGTERM, Ctrl-C, or the end of one of them."""
    parser = argparse.ArgumentParser(prog="python -m examples.whole")
    parser.add_argument("example", choices=("flask_ats", "django_ats"))
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args(argv)
    folder = Path(os.environ.get("FOLDER") or ".").absolute()
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{folder / 'ats.sqlite'}"}
    settings = folder / "unghost.toml"
    board = os.environ.get("REPORT_TO") or os.environ.get("BOARD_URL", "")
    settings.write_text(
        f'[ats]\ndatabase_url = "env:DATABASE_URL"\n\n[destinations.board]\nkind = "unghost"\nbase_url = "{board}"\n'
    )
    running: list[subprocess.Popen[bytes]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        web = [sys.executable, "-m", f"examples.{given.example}", "--port", str(given.port)]
        running.append(subprocess.Popen(web, env=environment, stdout=subprocess.PIPE))
        assert running[0].stdout is not None
        if not (said := running[0].stdout.readline()):  # it says so when its tables are there
            return running[0].wait()
        print(said.decode().strip(), flush=True)
        work = [sys.executable, "-m", "unghost", "ats", "work", "--config", str(settings)]
        running.append(subprocess.Popen(work, env=environment))
        _, status = os.wait()
        return os.waitstatus_to_exitcode(status) or 1
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            process.wait(_STOP_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
