"""Runs the cases against one ATS, one after the other, and gives a result for each, whatever happens on the way."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from unghost.clock import Clock
from unghost.sandbox.certify.acting import Actor
from unghost.sandbox.certify.cases import CASES, Case
from unghost.sandbox.certify.hiring import Hiring, prepared, provisioned
from unghost.sandbox.certify.interrupted import Interrupted, Interrupts
from unghost.sandbox.certify.plan import Plan, PlanError, filled
from unghost.sandbox.certify.process import NotStarted, Process
from unghost.sandbox.certify.reports import Seen
from unghost.sandbox.certify.stage import Failed, NotTried, Stage, mend
from unghost.sandbox.session import Sandbox, running, started
from unghost.sandbox.talk import SandboxError

Verdict = Literal["passed", "failed", "not tried", "has none"]
#: Further than this an ATS's clock cannot follow the sandbox's.
_AHEAD = timedelta(minutes=1)


@dataclass(frozen=True)
class Result:
    """What became of one case. `said`: why it did not pass."""

    case: Case
    verdict: Verdict
    said: str
    evidence: Sequence[Seen]
    seconds: float

    @property
    def bad(self) -> bool:
        """Whether it stands in the way."""
        return self.verdict in ("failed", "not tried")


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A whole run. `organization` is empty until there is a board; `complete`: every case was tried.

    `interrupted`: the number of the signal that ended it.
    """

    ats: str
    at: datetime
    organization: str = ""
    results: list[Result] = field(default_factory=list)
    complete: bool = False
    interrupted: int | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way."""
        return bool(self.results) and not any(result.bad for result in self.results)

    def count(self, verdict: Verdict) -> int:
        """How many ended so."""
        return sum(result.verdict == verdict for result in self.results)

    @property
    def counts(self) -> str:
        """How the cases ended."""
        parts = [f"{self.count('passed')} passed"]
        bad: tuple[Verdict, ...] = ("failed", "not tried")
        parts += [f"{count} {verdict}" for verdict in bad if (count := self.count(verdict))]
        if nothing := self.count("has none"):
            parts.append(f"{nothing} left out, for {self.ats} has no such thing")
        return ", ".join(parts)

    @property
    def headline(self) -> str:
        """The outcome."""
        if not self.complete:
            return f"{self.ats} was tried in part"
        return f"{self.ats} is {'certified' if self.passed else 'not certified'}"


def chosen(only: Sequence[str]) -> list[Case]:
    """The cases with these ids; all of them without any. Raises `PlanError`."""
    known = {case.id: case for case in CASES}
    if wrong := next((id for id in only if id not in known), None):
        raise PlanError(f"there is no case {wrong[:40]!r}: there are {', '.join(known)}")
    return [case for case in CASES if not only or case.id in only]


def certify(
    plan: Plan,
    cases: Sequence[Case],
    *,
    sandbox_url: str | None,
    fail_fast: bool,
    clock: Clock,
    ask: Callable[[str], None],
    tell: Callable[[Result], None],
) -> Certificate:
    """Run the cases. `ask` shows a person what to do, `tell` is given each result as it comes.

    SIGINT and SIGTERM end the run: what was not tried is told so. Raises `SandboxError` if there is no sandbox to run
    them on.
    """
    own = sandbox_url is None
    if own and plan.start is None:
        raise SandboxError(
            "an ATS that certify does not start must know its board before: give --sandbox, or ats.start in its file"
        )
    made, interrupts = Certificate(ats=plan.name, at=clock.now()), Interrupts()

    def add(result: Result) -> None:
        made.results.append(result)
        tell(result)

    with interrupts.caught():
        try:
            with ExitStack() as stack:
                sandbox = running(sandbox_url) if sandbox_url else stack.enter_context(started([]))
                made = replace(made, organization=str(sandbox.story["organization"]))
                _fresh(sandbox)
                mend(sandbox.control)
                folder = Path(tempfile.mkdtemp(prefix="unghost-certify-"))
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                stage = stack.enter_context(_staged(plan, sandbox, folder, own, ask, interrupts))
                for case in cases:
                    add(_tried(case, stage))
                    if fail_fast and made.results[-1].bad:
                        break
        except Interrupted:
            for case in cases[len(made.results) :]:
                add(Result(case, "not tried", "interrupted", (), 0))
            return replace(made, interrupted=interrupts.number)
    return replace(made, complete=len(made.results) == len(CASES))


@contextmanager
def _staged(
    plan: Plan, sandbox: Sandbox, folder: Path, own: bool, ask: Callable[[str], None], interrupts: Interrupts
) -> Iterator[Stage]:
    """The ATS, running, with a job that is open; and afterwards nothing of it."""
    hiring = prepared(sandbox) if plan.start is None else provisioned(sandbox, plan.name)
    run = {
        "organization": hiring.organization.rpartition(":")[2],
        "board_url": sandbox.story["base_url"],
        "port": str(_free_port()),
        "folder": str(folder),
        "python": sys.executable,
    }
    process = None
    if plan.start is not None:
        command = [filled(word, run) for word in plan.start]
        process = Process(command, _environment(hiring, run), folder / "ats.log", interrupts.held)
    staged = Stage(
        plan=plan,
        hiring=hiring,
        actor=Actor(run, plan.timeouts, plan.login, ask),
        process=process,
        own=own,
        webhook_url=filled(plan.webhook_url, run),
    )
    try:
        try:
            if process is not None:
                process.start()
            staged.begin()
        except NotStarted as error:
            staged.unready = str(error)
        yield staged
    finally:
        if process is not None:
            process.stop()


def _environment(hiring: Hiring, run: dict[str, str]) -> dict[str, str]:
    """What a started ATS is told: what a partner would configure."""
    told = {
        "BOARD_URL": run["board_url"],
        "CLIENT_ID": hiring.child.client_id,
        "CLIENT_SECRET": hiring.child.client_secret,
        "ORGANIZATION": hiring.organization,
        "FOLDER": run["folder"],
    }
    if hiring.parent is not None:
        told |= {"PARENT_CLIENT_ID": hiring.parent.client_id, "PARENT_CLIENT_SECRET": hiring.parent.client_secret}
    return told


def _tried(case: Case, stage: Stage) -> Result:
    began = time.monotonic()
    verdict: Verdict = "passed"
    said, evidence = "", list[Seen]()
    try:
        evidence = list(case.run(stage))
    except Failed as failed:
        verdict, said, evidence = "failed", str(failed), failed.seen
    except NotTried as not_tried:
        verdict, said = "has none" if not_tried.lacking else "not tried", str(not_tried)
        evidence = not_tried.seen
    except SandboxError as error:
        verdict, said = "not tried", str(error)
    return Result(case, verdict, said, evidence, time.monotonic() - began)


def _fresh(sandbox: Sandbox) -> None:
    """Raises `SandboxError` if its clock is not the ATS's any more."""
    shown = sandbox.control.ask("GET", "clock")
    if shown["stopped"] or abs(shown["ahead_seconds"]) > _AHEAD.total_seconds():
        how = "stands still" if shown["stopped"] else f"is {timedelta(seconds=round(shown['ahead_seconds']))} ahead"
        raise SandboxError(
            f"the sandbox's clock {how}, and your ATS goes by the real time: start another sandbox, or reset this one "
            "and empty the ATS"
        )


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
