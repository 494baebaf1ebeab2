"""A line to PostgreSQL that is cut at random: before a COMMIT reaches the server, or before its answer comes back."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Cutter:
    """Where to connect, and how many lines were cut before and after a COMMIT."""

    def __init__(self, open_upstream: Callable[[], socket.socket], chance: random.Random, share: float) -> None:
        self._open_upstream, self._chance, self.share = open_upstream, chance, share
        self.before = self.after = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more lines."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(line,), daemon=True).start()

    def _carry(self, line: socket.socket) -> None:
        with line, self._open_upstream() as server:
            lost = threading.Event()  # from now on nothing comes back
            back = threading.Thread(target=self._back, args=(server, line, lost), daemon=True)
            back.start()
            with suppress(OSError):
                while data := line.recv(65536):
                    if b"COMMIT" in data and self._chance.random() < self.share:
                        if self._chance.random() < 0.5:
                            self.before += 1
                            break
                        self.after += 1
                        lost.set()
                        server.sendall(data)
                        back.join(5)
                        break
                    server.sendall(data)
            for end in (line, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join(5)

    def _back(self, server: socket.socket, line: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if lost.is_set():
                    return  # it has answered: it is committed
                line.sendall(data)
            line.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(open_upstream: Callable[[], socket.socket], seed: int, share: float) -> Iterator[Cutter]:
    """A cutter for the time of a context; `share` of all COMMITs are met."""
    cutter = Cutter(open_upstream, random.Random(seed), share)
    try:
        yield cutter
    finally:
        cutter.close()
