"""`unghost certify`: tries a partner's own running ATS, and prints what was seen (spec R39)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unghost.cli.frame import Wrong, out


def certify(
    file: Annotated[
        Path | None, Parameter(help="The TOML file that says how your ATS is reached and made to act.")
    ] = None,
    *,
    sandbox: Annotated[
        str | None,
        Parameter(help="The control page of a sandbox that runs. Unset: one of its own, for an ATS that it starts."),
    ] = None,
    only: Annotated[
        list[str] | None,
        Parameter(help="Try this case alone; may be given again.", negative="", consume_multiple=False),
    ] = None,
    fail_fast: Annotated[bool, Parameter(help="End at the first case that does not pass.", negative="")] = False,
    junit: Annotated[Path | None, Parameter(help="Write JUnit XML there.")] = None,
    html: Annotated[Path | None, Parameter(help="Write a page to show there, in one file.")] = None,
    list: Annotated[bool, Parameter(help="List the cases.", negative="")] = False,
) -> int:
    """Try your ATS against a sandbox: every applicant, each occurrence, the right action, and when things go wrong.

    Exit code 0: all passed; 1: some did not; 2: nothing could be tried; 130 or 143: it was interrupted. There is a
    report in every case.
    """
    from unghost.clock import SystemClock
    from unghost.sandbox.certify import plan, run, told
    from unghost.sandbox.talk import SandboxError

    console = out()
    if list:
        console.print(told.listed())
        return 0
    if file is None:
        raise Wrong("which ATS? Give its TOML file: docs/howto/certify-an-ats.md says what stands in it")

    def ask(sentence: str) -> None:
        console.print(f"\n  → {sentence}\n    then press Enter ", style="bold", end="")
        sys.stdout.flush()

    try:
        wanted, cases = plan.load(file), run.chosen(only or [])
        for path in (junit, html):
            if path is not None:
                _writable(path)
        console.print(f"Trying {wanted.name}: {len(cases)} cases. Starting …", style="dim")
        made = run.certify(
            wanted,
            cases,
            sandbox_url=sandbox,
            fail_fast=fail_fast,
            clock=SystemClock(),
            ask=ask,
            tell=lambda result: console.print(told.row(result)),
        )
    except (plan.PlanError, SandboxError) as error:
        raise Wrong(str(error)) from None
    console.print()
    console.print(told.table(made))
    console.print(f"\n{made.counts}: {made.headline}", style="bold")
    if junit is not None:
        junit.write_bytes(told.junit(made))
    if html is not None:
        html.write_bytes(told.page(made))
        console.print(f"The page: {html}", style="dim")
    if made.interrupted is not None:
        return 128 + made.interrupted
    return 0 if made.passed else 1


def _writable(path: Path) -> None:
    """See that a report can be written there, before an hour is spent on it. Raises `Wrong`."""
    if path.is_dir():
        raise Wrong(f"{path} is a folder: give the name of a file in it")
    if not path.absolute().parent.is_dir():
        raise Wrong(f"{path} cannot be written: make the folder {path.parent} first")
    there = path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise Wrong(f"{path} cannot be written ({error.strerror}): give a place where you may write") from None
    if not there:
        path.unlink()
