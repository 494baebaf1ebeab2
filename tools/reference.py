"""Writes docs/reference/ from the code: settings, commands, refusals, metrics, operations.

`make reference` runs it. tests/house/test_docs.py fails when a page is not what this program would write.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Histogram

from unghost import cli
from unghost.cli.frame import REPORT_VARIABLES
from unghost.jobboard import metrics
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.settings import PREFIX, Settings
from unghost.jobboard.web import health, openapi_access, openapi_partners, openapi_wire
from unghost.jobboard.web.board_api import PREFIX as BOARD_PREFIX
from unghost.jobboard.web.board_operations import OPERATIONS
from unghost.jobboard.web.board_refusals import BoardRefusal
from unghost.wire.refusals import Refusal

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_HEAD = "<!-- Written by `make reference`: change the code, not this page. -->\n"
_VERBS = ("get", "put", "post", "patch", "delete")


def pages() -> Mapping[str, str]:
    """Each page of the generated reference: file name -> text."""
    made = {
        "settings.md": _settings(),
        "cli.md": _cli(),
        "refusals.md": _refusals(),
        "metrics.md": _metrics(),
        "api.md": _api(),
    }
    return {
        name: f"<!-- Written by `make reference`; change the code, not this page. -->\n{made[name]}" for name in made
    }


def _settings() -> str:
    rows = [
        (
            f"`{PREFIX}{each.name.upper()}`",
            _default(each),
            f"{each.metadata['help']}{' **Secret.**' if each.metadata['secret'] else ''}",
        )
        for each in fields(Settings)
    ]
    return f"""# Settings

Every process reads its settings once, when it starts, from the environment. A variable that begins with `{PREFIX}` and
is none of these stops the program with a sentence that names it.

Each may instead be given as `{PREFIX}<NAME>_FILE`, which names a file that holds the value; blanks and line ends around
it are dropped. Use that for what is marked as secret.

Durations are a number with `s`, `m`, `h` or `d`, such as `72h`. `unghost doctor` says whether the settings work
together.

{_table(("Variable", "Default", "What it is"), rows)}
## Actions and places

`{PREFIX}POLICY_HOLDS`, `{PREFIX}POLICY_PLACES` and `{PREFIX}POLICY_ENABLED` change the policy for a whole deployment.
The policy itself, from `src/unghost/jobboard/rules/policy.py`:

{_table(("Action", "Reported by", "Places", "Hold", "In force"), list(_policy()))}
Several overrides are joined by commas: `{PREFIX}POLICY_HOLDS=APPLICATION_REJECTED=96h,APPLICATION_VIEWED=15m`. Places
are joined by `+`: `{PREFIX}POLICY_PLACES=RESUME_DOWNLOADED=EMAIL+MY_JOBS`.

`unghost report` reads four more variables, which are no settings of a board: `{"`, `".join(REPORT_VARIABLES)}`.
"""


def _default(each: Any) -> str:
    value = each.default
    if value is MISSING or value is None or value == ():
        return "unset"
    if isinstance(value, timedelta):
        return f"`{_span(value)}`"
    return f"`{value}`"


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _policy() -> Iterator[tuple[str, ...]]:
    for action, rule in DEFAULT.items():
        yield (
            f"`{action}`",
            "the job board itself" if rule.by_board else "an ATS",
            ", ".join(rule.places),
            _span(rule.hold) if rule.hold else "none",
            "yes" if rule.enabled else f"only if named in `{PREFIX}POLICY_ENABLED`",
        )


def _cli() -> str:
    given, sys.argv = sys.argv, ["unghost"]  # the usage lines would name the program that runs
    try:
        written = cli.commands().generate_docs(heading_level=1)
    finally:
        sys.argv = given
    head, _, commands = written.partition("\n## Table of Contents\n")
    _, _, commands = commands.partition("\n## ")
    about = head.partition("```\n\n")[2].strip()
    return f"""# Commands

{about}

Exit codes: 0, it is done; 1, the answer is no (a refused report, something wrong found by `doctor`); 2, it could not be
done, and one sentence on stderr says why and what helps.

## {commands.strip()}
"""


def _refusals() -> str:
    wire = [
        (f"`{each.name}`", str(each.value.status), str(each.value.number), _yes(each.value.again), each.value.meaning)
        for each in Refusal
    ]
    board = [
        (f"`{each.name}`", str(each.value.status), _yes(each.value.again), each.value.meaning) for each in BoardRefusal
    ]
    return f"""# Refusals

## The wire

How `POST /v2/jobApplicationLifecycleActions` and the other calls of partners say no. The body is
`{{"status", "serviceErrorCode", "code", "message"}}`; the message is one sentence that names the field, what was got
and what is wanted. Programs rely on `code`.

*Again* says whether the same call may succeed later. 429 and 503 come with `Retry-After`. Nothing is stored on a
refusal.

{_table(("Code", "Status", "serviceErrorCode", "Again", "Meaning"), wire)}
The table is `src/unghost/wire/refusals.py`.

## The board API

The body is `{{"status", "code", "message", "field"}}`.

{_table(("Code", "Status", "Again", "Meaning"), board)}
The table is `src/unghost/jobboard/web/board_refusals.py`. The token endpoint answers with the errors of RFC 6749,
section 5.2.
"""


def _metrics() -> str:
    counted = [
        (
            f"`{family.name}{'_total' if isinstance(each, Counter) else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in each._labelnames) or "none",
            family.documentation,
        )
        for each in vars(metrics).values()
        if isinstance(each, Counter | Histogram)
        for family in each.describe()
    ]
    source = Path(health.__file__).read_text(encoding="utf-8")
    gauges = re.findall(r'"(unghost_\w+)"(?:\] =|:) \("([^"]+)"', source)
    return f"""# Metrics

`GET /metrics` of `unghost serve` answers in Prometheus' text form.

Counted in the processes:

{_table(("Metric", "Type", "Labels", "What it is"), counted)}
Asked of the database and the process at each scrape:

{_table(("Metric", "Type", "What it is"), [(f"`{name}`", "gauge", help) for name, help in gauges])}
Labels hold actions, places, codes and reasons: never a person, a customer or a number.

The processes of one `unghost serve` count together, so each answers for all of them; so do those of one `unghost work`,
and those of the demo. Dispatchers have no web server: `unghost work --metrics-port 9464` answers for what they count.
`unghost_reports_waiting` is that of the process which answers. The gauges of notices are read from the database and are
the same everywhere: of several addresses take one.
"""


def _partners_calls() -> dict[str, Any]:
    return openapi_wire.paths() | openapi_partners.paths() | openapi_access.paths()


def _api() -> str:
    wire = [
        (f"`{verb.upper()} {path}`", item[verb].get("summary", ""))
        for path, item in _partners_calls().items()
        for verb in _VERBS
        if verb in item
    ]
    board = [(f"`{each.method} {BOARD_PREFIX}{each.path}`", each.summary) for each in OPERATIONS]
    return f"""# HTTP API

A running board describes itself: `/docs` for people, `/openapi.json` (OpenAPI 3.1) for programs. Every field, answer
and refusal stands there. This page is the list.

## For partners and operators

{_table(("Call", "What it does"), wire)}
How to call them: [report from an ATS](../howto/report-from-an-ats.md) and
[provision customers and post jobs](../howto/provision-customers-and-post-jobs.md).

## For the job board's own back end

{_table(("Call", "What it does"), board)}
How to call them: [connect a job board](../howto/connect-a-job-board.md).
"""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def main() -> None:
    """Write the pages and say which changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
