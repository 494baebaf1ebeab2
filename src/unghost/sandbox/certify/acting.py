"""Makes the ATS act, in the ways that its file says: a call, a command, or a person who is asked. Each is bounded."""

from __future__ import annotations

import http.cookiejar
import json
import re
import select
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPException
from typing import Any

from unghost.sandbox.certify.plan import How, Timeouts, filled

_MOST_BYTES = 4 << 20
#: Places that stand for several values: alone in a field or an argument they become several of it.
_MANY = re.compile(r"\{(ids|numbers|emails)\}")

Values = Mapping[str, str | Sequence[str]]


class NotActed(Exception):
    """The ATS could not be made to act. The message is one sentence."""


@dataclass
class Actor:
    """One ATS. `run`: what stands in the places of every text; `ask` shows a person what to do."""

    run: Mapping[str, str]
    timeouts: Timeouts
    login: How | None
    ask: Callable[[str], None]
    _opener: urllib.request.OpenerDirector = field(init=False)
    _signed_in: bool = False

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """No cookies: the next call signs in anew."""
        # The ATS is the partner's own and may have a certificate of its own.
        unverified = ssl._create_unverified_context()  # noqa: S323
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=unverified),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            _Stay(),
        )
        self._signed_in = False

    def do(self, how: How, values: Values) -> str:
        """Do it once; gives what was answered or written. Raises `NotActed`."""
        if how.person is not None:
            return self._person(_one(how.person, {**self.run, **values}))
        if how.command is not None:
            return self._command(_arguments(how.command, {**self.run, **values}))
        if self.login is not None and not self._signed_in and how is not self.login:
            self.do(self.login, {})
            self._signed_in = True
        return self._call(how, {**self.run, **values})

    def _call(self, how: How, values: Values) -> str:
        fields = [] if how.page is None else _hidden(self._send("GET", _url(how.page, values), None, {}))
        headers = {name: _one(text, values) for name, text in how.headers.items()}
        content = None
        if how.form is not None:
            given = set(how.form)
            fields = [(name, text) for name, text in fields if name not in given]
            fields += [(name, each) for name, text in how.form.items() for each in _several(text, values)]
            content = urllib.parse.urlencode(fields).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif how.json is not None:
            content = json.dumps(_json(how.json, values)).encode()
            headers.setdefault("Content-Type", "application/json")
        return self._send(how.called, _url(how.url or "", values), content, headers)

    def _send(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> str:
        request = urllib.request.Request(url, content, dict(headers), method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self.timeouts.act) as answer:
                return str(answer.read(_MOST_BYTES).decode(errors="replace"))
        except urllib.error.HTTPError as refused:
            with refused:
                if 300 <= refused.code < 400:  # a form that was taken leads to a page
                    return ""
                raise NotActed(f"{method} {url} was answered {refused.code}") from None
        except (OSError, HTTPException, UnicodeError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise NotActed(f"{method} {url} got no answer ({str(reason) or type(error).__name__})") from None

    def _command(self, arguments: list[str]) -> str:
        try:
            done = subprocess.run(
                arguments, capture_output=True, text=True, errors="replace", timeout=self.timeouts.act, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotActed(f"{arguments[0]} had not ended after {self.timeouts.act:g} seconds") from None
        except (OSError, ValueError) as error:
            raise NotActed(f"{arguments[0]} cannot be run ({error})") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise NotActed(f"{arguments[0]} ended with {done.returncode}: {said[-1] if said else 'it said nothing'}")
        return done.stdout

    def _person(self, sentence: str) -> str:
        self.ask(sentence)
        try:
            ready, _, _ = select.select([sys.stdin], [], [], self.timeouts.person)
            answered = bool(ready) and sys.stdin.readline() != ""
        except (OSError, ValueError):
            answered = False
        if not answered:
            raise NotActed(f"nobody answered: {sentence}")
        return ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the page that it leads to would be opened, which is an act of its own."""

    def redirect_request(self, *_: Any) -> None:
        """Nowhere."""


class _Inputs(HTMLParser):
    """Collects the hidden fields of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it if it is hidden."""
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.found.append((str(given["name"]), given.get("value") or ""))


def _hidden(page: str) -> list[tuple[str, str]]:
    inputs = _Inputs()
    inputs.feed(page)
    return list(dict(inputs.found).items())


def _one(text: str, values: Values) -> str:
    plain = {name: value if isinstance(value, str) else ",".join(value) for name, value in values.items()}
    return filled(text, plain)


def _several(text: str, values: Values) -> list[str]:
    found = _MANY.fullmatch(text)
    given = values.get(found[1]) if found else None
    return [_one(text, values)] if given is None or isinstance(given, str) else list(given)


def _arguments(command: Sequence[str], values: Values) -> list[str]:
    return [each for text in command for each in _several(text, values)]


def _json(given: Any, values: Values) -> Any:
    if isinstance(given, str):
        found = _MANY.fullmatch(given)
        return _several(given, values) if found else _one(given, values)
    if isinstance(given, dict):
        return {name: _json(value, values) for name, value in given.items()}
    return [_json(value, values) for value in given] if isinstance(given, list) else given


def _url(text: str, values: Values) -> str:
    """The address; what is put in after its beginning is escaped, but for addresses themselves."""
    quoted: dict[str, str | Sequence[str]] = {
        name: value if name == "board_url" else urllib.parse.quote(_one(f"{{{name}}}", values), safe=",")
        for name, value in values.items()
    }
    return _one(text, quoted)
