"""An ATS that never ends by itself: `python -m tests.certify.endless --port N MARK [--answers]`.

It writes its process's id and its board's address into the file MARK. It answers a GET with 404 if it answers at all.
"""

from __future__ import annotations

import http.server
import os
import sys
import threading
from pathlib import Path


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def do_POST(self) -> None:
        threading.Event().wait()


def main(port: str, mark: str, *answers: str) -> None:
    unfinished = Path(f"{mark}.unfinished")
    unfinished.write_text(f"{os.getpid()} {os.environ['BOARD_URL']}")
    unfinished.replace(mark)
    if answers:
        http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Refusing).serve_forever()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[2:])
