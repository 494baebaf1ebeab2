"""A run as it is read: the table in the terminal, JUnit XML for CI, and a page of its own to show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
from rich.table import Table
from rich.text import Text

from unghost.sandbox.certify.cases import CASES
from unghost.sandbox.certify.reports import Attempt, Seen
from unghost.sandbox.certify.run import Certificate, Result

_HERE = Path(__file__).parent
_MARKS = {
    "passed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "not tried": ("?", "bold yellow"),
    "has none": ("–", "dim"),
}
_WORDS = {"passed": "Passed", "failed": "Failed", "not tried": "Not tried", "has none": "Left out"}
#: So many lines of evidence stand in the table; the page and the XML have all.
_SHOWN = 3
#: What XML 1.0 cannot hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def line(seen: Seen) -> str:
    """One piece of evidence on one line."""
    if not isinstance(seen, Attempt):
        return str(seen)
    answer = str(seen.status) if seen.status else "no answer"
    code = f" {seen.code}" if seen.code else ""
    fault = f", by the fault “{seen.fault}”" if seen.fault else ""
    return (
        f"#{seen.number} {seen.at:%H:%M:%S} {seen.action} of {seen.application}, "
        f"performedAt {seen.performed_at} → {answer}{code}{fault}"
    )


def row(result: Result) -> Text:
    """One result as it comes, while a person waits."""
    mark, style = _MARKS[result.verdict]
    return Text.assemble((f" {mark} ", style), (f"{result.case.id:<17}", "bold"), result.said or result.case.sentence)


def table(made: Certificate) -> Table:
    """The whole run with evidence."""
    title = f"{made.ats} at {made.organization}" if made.organization else made.ats
    shown = Table(title=title, title_justify="left", show_lines=True, pad_edge=False)
    for name in ("", "case", "what was seen"):
        shown.add_column(name, overflow="fold", vertical="top")
    for result in made.results:
        mark, style = _MARKS[result.verdict]
        lines = [line(each) for each in result.evidence]
        text = Text()
        if result.said:
            text.append(f"{result.said}\n", style if result.bad else "dim")
        if result.verdict == "failed":
            text.append(f"{result.case.remedy}\n", "italic")
        text.append("\n".join(lines[:_SHOWN]), "dim")
        if len(lines) > _SHOWN:
            text.append(f"\n… and {len(lines) - _SHOWN} more", "dim")
        text.rstrip()
        shown.add_row(Text(mark, style), Text(result.case.id, "bold"), text)
    return shown


def listed() -> Table:
    """The cases."""
    shown = Table(box=None, show_header=False, pad_edge=False)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for case in CASES:
        shown.add_row(Text(case.id, "bold"), case.sentence)
    return shown


def junit(made: Certificate) -> bytes:
    """The run as CI servers read it."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"unghost certify: {_xml(made.ats)}",
        tests=str(len(made.results)),
        failures=str(made.count("failed")),
        errors=str(made.count("not tried")),
        skipped=str(made.count("has none")),
        time=f"{sum(result.seconds for result in made.results):.3f}",
        timestamp=made.at.isoformat(timespec="seconds"),
    )
    for result in made.results:
        one = ElementTree.SubElement(
            suite, "testcase", classname="unghost.certify", name=result.case.id, time=f"{result.seconds:.3f}"
        )
        kind = {"failed": "failure", "not tried": "error", "has none": "skipped"}.get(result.verdict)
        if kind:
            what = ElementTree.SubElement(one, kind, message=_xml(result.said))
            what.text = _xml(f"{result.case.sentence}\n{result.case.remedy}")
        seen = ElementTree.SubElement(one, "system-out")
        seen.text = _xml("\n".join(line(each) for each in result.evidence))
    whole = ElementTree.Element("testsuites")
    whole.append(suite)
    ElementTree.indent(whole)
    return bytes(ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True))


def page(made: Certificate) -> bytes:
    """The run as one HTML file that needs nothing else."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = templates.get_template("certificate.html").render(
        made=made,
        style=(_HERE / "certificate.css").read_text(encoding="utf-8"),
        evidence=_evidence,
        words=_WORDS,
        total=len(CASES),
    )
    return text.encode("utf-8", "replace")


def _evidence(result: Result) -> list[dict[str, Any]]:
    """Evidence for the page: a line, and the journal's entry where there is one."""
    shown = []
    for each in result.evidence:
        entry = None if isinstance(each, str) else each.entry
        pretty = {name: _pretty(entry[name]) if entry else "" for name in ("body", "answer")}
        shown.append({"line": line(each), "entry": entry, **pretty})
    return shown


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)
