"""`unghost clock`: winds the test clock of a sandbox that runs (spec R37)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import App, Parameter

from unghost.cli.frame import Wrong, out

_MOMENT = re.compile("[0-9]{4}-")

clock = App(name="clock", help="The test clock of a sandbox that runs.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """Which sandbox."""

    sandbox: Annotated[str, Parameter(help="Its control page.")] = "http://127.0.0.1:8401"
    json: Annotated[bool, Parameter(help="Print the answer as JSON.", negative="")] = False

    def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> int:
        """One call; prints what the clock shows then."""
        from unghost.sandbox.talk import Control, SandboxError

        if not self.sandbox.startswith(("http://", "https://")):
            raise Wrong(f"--sandbox is {self.sandbox!r}: give the control page's address, such as {_USUAL.sandbox}")
        try:
            answer = Control(self.sandbox.rstrip("/") + "/").ask(method, path, body)
        except SandboxError as error:
            raise Wrong(str(error)) from None
        if self.json:
            out().print_json(data=answer)
        else:
            out().print(_said(answer), soft_wrap=True, highlight=False)
        return 0


_USUAL = Sandbox()


@clock.command
def show(*, sandbox: Sandbox = _USUAL) -> int:
    """Say what it shows."""
    return sandbox.ask("GET", "clock")


@clock.command
def advance(
    by: Annotated[
        str | None, Parameter(help="A time, such as 72h or 1h30m, or a moment.", allow_leading_hyphen=True)
    ] = None,
    *,
    to: Annotated[str | None, Parameter(help="A moment instead, such as 2026-12-01T12:00:00Z.")] = None,
    sandbox: Sandbox = _USUAL,
) -> int:
    """Wind it on, by a time or to a moment, forward only. Ends when all that fell due on the way is done, in order."""
    if (by is None) == (to is None):
        raise Wrong(
            "the clock is wound by a time or to a moment: give either, such as 72h or --to 2026-12-01T12:00:00Z"
        )
    return sandbox.ask("POST", "clock/advance", _given(by, to))


@clock.command
def freeze(
    by: Annotated[
        str | None, Parameter(help="Wind it on by this time, or to this moment, before.", allow_leading_hyphen=True)
    ] = None,
    *,
    to: Annotated[str | None, Parameter(help="Wind it on to this moment before.")] = None,
    sandbox: Sandbox = _USUAL,
) -> int:
    """Stop it."""
    return sandbox.ask("POST", "clock/freeze", _given(by, to))


@clock.command
def run(*, sandbox: Sandbox = _USUAL) -> int:
    """Let it go on from where it stands."""
    return sandbox.ask("POST", "clock/run")


def _given(by: str | None, to: str | None) -> dict[str, object]:
    """The body of the call. A moment that was given without --to is one all the same."""
    if by is not None and by.startswith("--"):
        raise Wrong(f"there is no option {by.partition('=')[0]}: see `unghost clock --help`")
    if by is not None and to is None and _MOMENT.match(by):
        by, to = None, by
    return {name: value for name, value in (("by", by), ("to", to)) if value is not None}


def _said(answer: dict[str, Any]) -> str:
    stands = "stopped" if answer["stopped"] else "it goes on"
    moments = f"; {answer['moments']} moments at which something fell due" if "moments" in answer else ""
    return f"{answer['now']}, {stands}{moments}"
