"""The `unghost` command. Each command is a module of its own, loaded when it is called: `--help` is there at once.

A failure that a person can mend is one sentence on stderr and exit code 2, never a traceback.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App, CycloptsError

_HELP = """Applicants hear what became of their application.

Try `unghost demo` first. Settings are UNGHOST_… variables; `unghost doctor` says whether they work together."""


def _version() -> str:
    try:
        return version("unghost")
    except PackageNotFoundError:
        return "0 (not installed)"


def commands() -> App:
    """The command with all its subcommands; docs/reference/cli.md is generated from it."""
    app = App(name="unghost", help=_HELP, version=_version, help_format="markdown", default_parameter=None)
    helps = {
        "demo": "Run everything on this machine: board, dispatcher, inbox, a pretend ATS, and a story to play with.",
        "sandbox": "The same with a clock to wind, faults on command and a journal of every request.",
        "clock": "The test clock of a sandbox that runs.",
        "certify": "Try your own running ATS against every case, and print what was seen.",
        "serve": "Serve the API and the pages.",
        "work": "Run dispatchers, which tell applicants.",
        "migrate": "Bring the database up to date.",
        "partner": "ATS vendors and their child applications.",
        "customer": "Hiring organisations, their consent, holds and admins.",
        "job": "Jobs of customers.",
        "applicant": "Applicants: erase one.",
        "ats": "The ATS's end: report what recruiters do.",
        "report": "Send one report to any job board, or to LinkedIn.",
        "explain": "Say why an applicant was or wasn't told.",
        "audit": "Prove that no notice is stuck, early, double or lost.",
        "redrive": "Put back what was given up.",
        "mail": "Look at mails.",
        "doctor": "Say what is wrong with the set-up and how to mend it.",
    }
    for name, help in helps.items():
        app.command(f"unghost.cli.{name}:{name}", name=name, help=help, sort_key=list(helps).index(name))
    return app


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Exits with 0 (done), 1 (the answer is no, e.g. a refused report) or 2 (could not do it)."""
    from unghost.cli.frame import sentence

    try:
        code = commands()(
            arguments, exit_on_error=False, print_error=False, result_action="return_int_as_exit_code_else_zero"
        )
    except CycloptsError as error:
        _complain(f"{_plain(error)} See `{' '.join(('unghost', *(error.command_chain or ()), '--help'))}`.")
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        _complain(said)
        code = 2
    sys.exit(code)


def _plain(error: CycloptsError) -> str:
    said = " ".join(str(error).split()).partition(" Available commands:")[0]
    return said if said.endswith((".", "?")) else f"{said}."


def _complain(said: str) -> None:
    print(f"unghost: {said}", file=sys.stderr)
