"""Fault rules: when, how often, and what happens; read strictly, so that a contradiction is told and not guessed at.

Pure. The same rules are applied by the board's wrapper and by the inbox, each for its own side.
"""

from __future__ import annotations

import random
import re
from typing import Any, Literal

import msgspec

from unghost.wire import urn

#: Routes by name: the beginnings of their paths.
ROUTES = {
    "reports": ("/v2/jobApplicationLifecycleActions", "/rest/jobApplicationLifecycleActions"),
    "tokens": ("/oauth/",),
    "board": ("/board/",),
    "any": ("/",),
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REPORT_METHODS = ("POST", "DELETE")
#: Answers that have no body.
BODILESS = (204, 304)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_UNITS = {"ms": 0.001, "s": 1.0}
#: Slower than this no test wants it.
_SLOWEST = 120.0


class BadRule(ValueError):
    """A rule that cannot be meant. The message is one sentence with the remedy."""


class When(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which calls or mails. `route`: a name of `ROUTES` or the beginning of a path; `smtp`: a phase of mails `to`;
    `webhook`: the board's own calls to ATSs."""

    route: str | None = None
    method: str | None = None
    application: str | None = None
    customer: str | None = None
    smtp: Literal["mail", "rcpt", "data"] | None = None
    to: str | None = None
    webhook: Literal["delivery", "challenge", "any"] | None = None


class What(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What happens: one of these; `latency` may stand beside another."""

    status: int | None = None
    body: Any = None
    headers: dict[str, str] = {}
    latency: str | None = None
    cut: Literal["before", "after"] | None = None
    drip: str | None = None
    token: Literal["expired"] | None = None
    consent: Literal["off"] | None = None
    answer: str | None = None
    down: Literal[True] | None = None


class Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One rule. Without `nth`, `times` and `probability` it holds for every call that fits."""

    when: When
    what: What
    name: str | None = None
    nth: int | list[int] | None = None
    times: int | None = None
    probability: float | None = None
    seed: int = 1

    @property
    def called(self) -> str:
        """What the journal calls it."""
        return self.name or _described(self.what)

    @property
    def of_mails(self) -> bool:
        """Whether it is the inbox's, and not the board's."""
        return self.when.smtp is not None or self.when.to is not None


class Turn:
    """Counts the calls that fit one rule and says whether it is this one's turn. The same calls give the same turns."""

    def __init__(self, rule: Rule, fitted: int = 0, applied: int = 0) -> None:
        self.rule, self.fitted, self.applied = rule, fitted, applied
        self._chance = random.Random(rule.seed)  # noqa: S311  (repeatable is what is wanted)
        for _ in range(fitted):
            self._chance.random()

    def comes(self) -> bool:
        """Count one call that fits; whether the rule applies to it."""
        rule = self.rule
        self.fitted += 1
        if rule.probability is not None:
            now = self._chance.random() < rule.probability
        elif rule.nth is not None:
            now = self.fitted in (rule.nth if isinstance(rule.nth, list) else [rule.nth])
        else:
            now = True
        now = now and (rule.times is None or self.applied < rule.times)
        self.applied += now
        return now


def read(given: bytes) -> list[Rule]:
    """Rules from JSON: one, or an array. Raises `BadRule`."""
    try:
        found = msgspec.json.decode(given, type=list[Rule] | Rule)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRule(f"the rules cannot be read: {' '.join(str(error).split())[:200]}") from None
    rules = found if isinstance(found, list) else [found]
    for rule in rules:
        if rule.when.method is not None:
            rule.when.method = rule.when.method.upper()
        _check(rule)
    return rules


def write(rules: list[Rule]) -> bytes:
    """Rules as JSON."""
    return msgspec.json.encode(rules)


def seconds(given: str) -> float:
    """Read `250ms` or `2s`. Raises `BadRule`."""
    match = re.fullmatch(r"([0-9]{1,6})(ms|s)", given)
    if not match or (took := int(match[1]) * _UNITS[match[2]]) > _SLOWEST:
        raise BadRule(f"{given[:40]!r} is no wait: give one of at most {_SLOWEST:.0f}s, such as 250ms or 2s")
    return took


def _check(rule: Rule) -> None:
    what = rule.what
    done = [
        name
        for name in ("status", "cut", "drip", "token", "consent", "answer", "down")
        if getattr(what, name) is not None
    ]
    for wrong, said in (
        (
            not done and what.latency is None,
            "does nothing: give status, latency, cut, drip, token, consent, answer or down",
        ),
        (len(done) > 1, f"does {' and '.join(done)} at once: give one of them, and a second rule for the other"),
        (what.status is not None and not 200 <= what.status <= 599, f"answers {what.status}: give 200 to 599"),
        (
            what.status is None and (what.body is not None or what.headers),
            "has a body or headers without a status: give one",
        ),
        (
            what.status in BODILESS and what.body is not None,
            f"answers {what.status} with a body, and that has none: leave body out, or give another status",
        ),
        (rule.nth is not None and rule.probability is not None, "has nth and probability: give one of them"),
        (
            rule.nth is not None and rule.times is not None,
            "has nth and times: nth says already how often, leave times out",
        ),
        (rule.nth == [], "never applies: give nth as 1, 2 or a list such as [1, 3]"),
        (any(n < 1 for n in _nths(rule)), "counts from 1: give nth as 1, 2 or a list such as [1, 3]"),
        (rule.times is not None and rule.times < 1, "never applies: give times as 1 or more, or delete the rule"),
        (
            rule.probability is not None and not 0 < rule.probability <= 1,
            f"has the probability {rule.probability}: give one above 0 and up to 1",
        ),
    ):
        if wrong:
            raise BadRule(f"the rule {rule.called!r} {said}")
    _check_side(rule, done)
    _check_call(rule)
    _check_headers(rule)
    for wait in filter(None, (what.latency, what.drip)):
        seconds(wait)


def _check_side(rule: Rule, done: list[str]) -> None:
    """A rule is about calls or about mails, and says nothing of the other."""
    when, what = rule.when, rule.what
    mails = rule.of_mails
    if mails and (when.route or when.method or when.application or when.customer):
        raise BadRule(
            f"the rule {rule.called!r} is about mails and about calls: give smtp and to, or route and its like"
        )
    if mails and set(done) - {"cut", "answer"}:
        raise BadRule(f"the rule {rule.called!r} is about mails and does {done[0]}: give answer, cut or latency")
    if when.webhook is not None and (mails or when.route or when.method):
        raise BadRule(f"the rule {rule.called!r} is about webhooks and about others: leave route, method, smtp, to out")
    if when.webhook is not None and set(done) - {"status", "cut", "down"}:
        raise BadRule(
            f"the rule {rule.called!r} is about webhooks and does {done[0]}: give status, latency, cut or down"
        )
    if what.down and when.webhook is None:
        raise BadRule(f"the rule {rule.called!r} has a webhook down and is not about one: give webhook in when")
    if not mails and what.answer is not None:
        raise BadRule(f"the rule {rule.called!r} has an SMTP answer for a call: give smtp in when, or status in what")
    if what.answer is not None and not re.fullmatch(r"[245][0-9]{2} [ -~]{1,200}", what.answer):
        raise BadRule(
            f"the rule {rule.called!r} answers {what.answer[:40]!r}: give a code and words, such as 451 4.3.0 later"
        )
    if when.route is not None and when.route not in ROUTES and not when.route.startswith("/"):
        raise BadRule(f"there is no route {when.route[:40]!r}: give {', '.join(ROUTES)} or the beginning of a path")
    if (what.token or what.consent) and (when.route or "reports") != "reports":
        raise BadRule(f"the rule {rule.called!r} needs a report to act on: leave route out or give reports")


def _check_call(rule: Rule) -> None:
    """A rule about calls fits at least one."""
    when, called = rule.when, f"the rule {rule.called!r}"
    for name, kind, given in (
        ("application", urn.JOB_APPLICATION, when.application),
        ("customer", urn.ORGANIZATION, when.customer),
    ):
        if given is not None and not _names(kind, given):
            raise BadRule(f"{called} has the {name} {given[:40]!r}: give urn:li:{kind}:12345, or the number alone")
    if when.method is not None and when.method not in _METHODS:
        raise BadRule(f"{called} has the method {when.method[:20]!r}: give one of {', '.join(_METHODS)}")
    if when.method is not None and (when.route or "reports") == "reports" and when.method not in _REPORT_METHODS:
        raise BadRule(
            f"{called} never fits, for reports come by {' or '.join(_REPORT_METHODS)}: give one of these, or a route"
        )
    if when.route == "tokens" and (when.application or when.customer):
        raise BadRule(f"{called} never fits, for a call for a token names nobody: leave application and customer out")
    if when.webhook == "challenge" and when.application:
        raise BadRule(f"{called} never fits, for a challenge is about no application: leave it out, or give delivery")


def _check_headers(rule: Rule) -> None:
    for name, value in rule.what.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise BadRule(f"the rule {rule.called!r} has the header {name[:40]!r}: give letters, digits and -")
        if not _HEADER_VALUE.fullmatch(value):
            raise BadRule(
                f"the rule {rule.called!r} has a header {name} that cannot be sent: give one line of Latin letters"
            )


def _names(kind: str, given: str) -> bool:
    try:
        return bool(urn.read(kind, given) if given.startswith("urn:") else urn.number(given))
    except (ValueError, IndexError):
        return False


def _nths(rule: Rule) -> list[int]:
    return rule.nth if isinstance(rule.nth, list) else [] if rule.nth is None else [rule.nth]


def _described(what: What) -> str:
    parts = []
    if what.status is not None:
        parts.append(f"answer {what.status}")
    if what.cut:
        parts.append(f"cut {what.cut} it is done")
    if what.down:
        parts.append("down")
    kinds = ("latency", "drip", "token", "consent", "answer")
    parts += [f"{name} {given}" for name in kinds if (given := getattr(what, name))]
    return ", ".join(parts) or "nothing"
