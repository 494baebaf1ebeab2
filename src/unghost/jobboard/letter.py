"""The words of a mail about one notice, in the applicant's language and time zone (spec R21).

What is the same in all mails of an action is rendered and encoded once. Must not know how a mail is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from unghost.jobboard.isolation import isolated, marked
from unghost.jobboard.mail_headers import SOFT_BREAK, clean, quoted
from unghost.jobboard.rules.policy import DEFAULT
from unghost.jobboard.wording import Wording

#: Longer names and titles are cut in mails: characters in a subject, in a body.
IN_SUBJECT, IN_BODY = 80, 300
#: Around the name of a blank in a form; from Unicode's private use area.
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one notice says to one applicant."""

    action_id: int
    action: str
    applicant_id: int
    name: str
    email: str
    language: str
    time_zone: str
    company: str
    job: str
    submitted_at: datetime
    performed_at: datetime


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's subject and its two parts."""

    subject: str
    text: str
    html: str


_templates = Environment(
    loader=PackageLoader("unghost.jobboard", "wording/mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_templates.filters["marked"] = marked


def render(letter: Letter, wording: Wording, *, board: str, my_jobs_url: str, preferences_url: str) -> Rendered:
    """The words of a mail. Raises `KeyError` if its action has no wording."""
    language = wording.resolve(letter.language)
    made = forms(wording, language, letter.action, board)
    values = filling(letter, language, wording.direction(language))
    values |= {"my_jobs_url": my_jobs_url, "preferences_url": preferences_url}
    return Rendered(made.subject.fill(values), made.text.fill(values), made.html.fill(escaped(values)))


def filling(letter: Letter, language: str, direction: str) -> dict[str, str]:
    """What goes into the blanks of a letter's forms, but for the two addresses."""
    names = {
        "name": clean(letter.name, IN_BODY),
        "company": clean(letter.company, IN_BODY),
        "job": clean(letter.job, IN_BODY),
        "short_company": clean(letter.company, IN_SUBJECT),
        "short_job": clean(letter.job, IN_SUBJECT),
    }
    names |= {f"subject_{name}": names[f"short_{name}"] for name in ("company", "job")}
    return {blank: isolated(name, direction) for blank, name in names.items()} | {
        "submitted_at": moment(letter.submitted_at, language, letter.time_zone),
        "performed_at": moment(letter.performed_at, language, letter.time_zone),
    }


def escaped(values: Mapping[str, str]) -> dict[str, str]:
    """The same for the HTML form. The subject stands in its attributes, where no element can isolate a name."""
    return {
        name: str(escape(value) if name.startswith("subject_") else marked(value)) for name, value in values.items()
    }


class Form:
    """A text with blanks. What stands between the blanks is encoded once."""

    def __init__(self, text: str) -> None:
        self._parts = re.split(f"{_OPEN}([a-z_]+){_CLOSE}", text)
        self._quoted = [quoted(piece) for piece in self._parts]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text."""
        parts = self._parts.copy()
        parts[1::2] = [values[name] for name in parts[1::2]]
        return "".join(parts)

    def fill_quoted(self, values: Mapping[str, str]) -> bytes:
        """The text as quoted-printable."""
        parts = self._quoted.copy()
        parts[1::2] = [quoted(values[name]) for name in self._parts[1::2]]
        return SOFT_BREAK.join(parts)


@dataclass(frozen=True, slots=True)
class Forms:
    """What all mails of one action in one language share."""

    subject: Form
    text: Form
    html: Form


def forms(wording: Wording, language: str, action: str, board: str) -> Forms:
    """The forms of an action's mails. Costs far more than filling them: keep them."""
    folder, rule = action.lower(), DEFAULT[action]
    direction = wording.direction(language)
    long = _blanks() | {"board": isolated(board, direction)}
    short, subject = long | _blanks("short_"), long | _blanks("subject_")

    def say(key: str, values: Mapping[str, str] = long) -> str:
        return wording.unfilled(language, key).format_map(values)

    facts = [
        (say("mail.job"), long["job"]),
        (say("mail.company"), long["company"]),
        (say("mail.applied"), f"{_OPEN}submitted_at{_CLOSE}"),
    ]
    if not rule.by_board and not rule.decides:
        facts.append((say(f"{folder}.when"), f"{_OPEN}performed_at{_CLOSE}"))
    context = {
        "language": language,
        "direction": direction,
        "subject": say(f"{folder}.subject", subject),
        "preheader": say(f"{folder}.preheader", short),
        "heading": say(f"{folder}.heading", short),
        "greeting": say("mail.greeting"),
        "paragraphs": [said.format_map(long) for said in wording.unfilled_paragraphs(language, f"{folder}.body")],
        "facts": facts,
        "labelled": wording.unfilled(language, "mail.labelled"),
        "note_title": say(f"{folder}.note_title"),
        "note": say(f"{folder}.note"),
        "button": say("mail.button"),
        "button_hint": say("mail.button_hint"),
        "my_jobs_url": f"{_OPEN}my_jobs_url{_CLOSE}",
        "sign_off": say("mail.sign_off"),
        "why": say("mail.why_service" if rule.service_mail else "mail.why"),
        "preferences": say("mail.preferences"),
        "preferences_url": f"{_OPEN}preferences_url{_CLOSE}",
        "board": board,
    }
    text, html = (_templates.get_template(f"layout.{kind}").render(context) for kind in ("txt", "html"))
    return Forms(Form(str(context["subject"])), Form(text), Form(html))


def _blanks(kind: str = "") -> dict[str, str]:
    return {name: f"{_OPEN}{kind}{name}{_CLOSE}" for name in ("company", "job")} | {"name": f"{_OPEN}name{_CLOSE}"}


def moment(at: datetime, language: str, time_zone: str) -> str:
    """Day and time as people write them; an unknown time zone is read as UTC."""
    zone: tzinfo
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, OSError, ValueError):  # unknown, a folder, not a name at all
        zone = UTC
    local = at.astimezone(zone)
    said = _joined(language).replace("{1}", _day(local.date(), language))
    said = said.replace("{0}", _time(local.time().replace(second=0, microsecond=0), language))
    return f"{said}\u00a0UTC" if zone is UTC or time_zone == "UTC" else said


@lru_cache(maxsize=1024)
def _day(day: date, language: str) -> str:
    return str(format_date(day, "long", locale=Locale.parse(language)))


@lru_cache(maxsize=8192)
def _time(hour: time, language: str) -> str:
    return str(format_time(hour, "short", locale=Locale.parse(language))).replace("\u202f", "\u00a0")


@lru_cache
def _joined(language: str) -> str:
    return str(get_datetime_format("long", Locale.parse(language))).replace("'", "")
