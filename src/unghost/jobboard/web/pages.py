"""Renders the board's HTML pages: one template environment, the reader's language, and headers that keep pages safe.

Every page of every web module goes out through `render`. Must not read rows: what a page shows is handed in.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import jinja2
from babel import Locale
from babel.dates import format_skeleton, format_time
from babel.units import format_unit
from markupsafe import Markup
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.isolation import bdi, isolated, marked
from unghost.jobboard.store.reading import Applicant

if TYPE_CHECKING:
    from unghost.jobboard.web.services import Services  # which imports web/live, and so this module

_HERE = Path(__file__).parent
_YEAR = 31_536_000


@dataclass(frozen=True, slots=True)
class Asset:
    """A file under static/: its address carries the hash of its content, so browsers may keep it for ever."""

    content: bytes
    media_type: str
    address: str


@cache
def assets() -> dict[str, Asset]:
    """Every file under static/, by the last part of its address, hashed and plain."""
    found: dict[str, Asset] = {}
    for path in sorted((_HERE / "static").iterdir()):
        content = path.read_bytes()
        stamped = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        found[path.name] = found[stamped] = Asset(content, media_type, f"/static/{stamped}")
    return found


def asset(name: str) -> str:
    """The address of a file under static/, e.g. `asset("unghost.css")`. Raises `KeyError` for another name."""
    return assets()[name].address


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = asset
    environment.filters |= {"bdi": bdi, "marked": marked}
    return environment


def language_of(request: Request, own: str | None = None) -> str:
    """The language to answer in: `own` as far as the board speaks it, else what the browser asks for."""
    services: Services = request.app.state.services
    if own:
        return services.wording.resolve(own)
    return services.wording.negotiate(request.headers.get("accept-language"))


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, UTC if there is none such."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder, not a name at all
        return ZoneInfo("UTC")


def _moment(language: str, time_zone: tzinfo, now: datetime) -> Callable[[datetime], Markup]:
    locale = Locale.parse(language)
    this_year = now.astimezone(time_zone).year

    def moment(at: datetime) -> Markup:
        local = at.astimezone(time_zone)
        day = format_skeleton("MMMd" if local.year == this_year else "yMMMd", local, locale=locale)
        return Markup('<time datetime="{}"><span>{}</span> <span>{}</span></time>').format(
            at.astimezone(UTC).isoformat(timespec="seconds"), day, format_time(at, "short", time_zone, locale)
        )

    return moment


def _day(language: str, time_zone: tzinfo) -> Callable[[datetime], Markup]:
    locale = Locale.parse(language)

    def day(at: datetime) -> Markup:
        local = at.astimezone(time_zone)
        return Markup('<time datetime="{}">{}</time>').format(
            local.date().isoformat(), format_skeleton("yMMMd", local, locale=locale)
        )

    return day


def lasting(duration: timedelta, language: str) -> str:
    """How long that is, in whole hours, minutes or seconds, whichever is the first to say it exactly: `72 hours`."""
    seconds = round(duration.total_seconds())
    for unit, one in (("hour", 3600), ("minute", 60)):
        if seconds % one == 0:
            return str(format_unit(seconds // one, f"duration-{unit}", locale=language))
    return str(format_unit(seconds, "duration-second", locale=language))


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    reader: Applicant | None = None,
    language: str | None = None,
    private: bool = True,
    frame_ancestors: str = "'none'",
    background: BackgroundTask | None = None,
    **context: Any,
) -> Response:
    """An HTML page.

    `reader`: the applicant who is signed in, if any; `language`: overrides the reader's and the browser's.
    `private`: the page may not be stored by anyone. `frame_ancestors`: who may embed it, as CSP writes it.
    `background`: what is done once the answer has gone out.
    In the template: `say(key, **values)`, in attributes and in `<title>` `plain(key, **values)`, `plain_name(value)`;
    `value | bdi` for names elsewhere; `moment(datetime)`, `day(datetime)`, `lasting(timedelta)`, `asset(name)`,
    `language`, `direction`, `board`, `path`, `reader` and `zone_name`, all in the reader's language and time zone.
    """
    language = language_of(request, language or (reader.language if reader else None))
    body = _filled(request, template, language, reader, context)
    return HTMLResponse(body, status, _headers(language, private, frame_ancestors), background=background)


def fragment(request: Request, template: str, *, reader: Applicant, **context: Any) -> Response:
    """A part of a page for the applicant `reader`, filled in as `render` fills in a page; nobody may store it."""
    language = language_of(request, reader.language)
    headers = {"content-language": language, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    return HTMLResponse(_filled(request, template, language, reader, context), headers=headers)


def _filled(request: Request, template: str, language: str, reader: Applicant | None, context: dict[str, Any]) -> str:
    services: Services = request.app.state.services
    wording = services.wording
    time_zone = zone(reader.time_zone if reader else "UTC")

    def plain(key: str, **values: object) -> str:
        return wording.say(language, key, **{name: _text(value) for name, value in values.items()})

    def say(key: str, **values: object) -> Markup:
        return marked(plain(key, **values))

    return (
        _environment()
        .get_template(template)
        .render(
            say=say,
            plain=plain,
            plain_name=lambda value: isolated(str(value), wording.direction(language)),
            moment=_moment(language, time_zone, services.clock.now()),
            day=_day(language, time_zone),
            lasting=lambda duration: lasting(duration, language),
            language=language,
            direction=wording.direction(language),
            board=services.settings.board_name,
            path=request.url.path,
            reader=reader,
            zone_name=time_zone.key.replace("_", " "),
            **context,
        )
    )


def _text(value: object) -> str:
    # What a macro gave is escaped already, and the sentence will be.
    return value.unescape() if isinstance(value, Markup) else str(value)


def text(template: str, **context: Any) -> str:
    """Plain text from a template: what is filled in is not escaped."""
    return _environment().get_template(template).render(**context)


def _headers(language: str, private: bool, frame_ancestors: str) -> dict[str, str]:
    return {
        "content-language": language,
        "content-security-policy": (
            "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; img-src 'self'; "
            f"script-src 'self'; style-src 'self'; frame-ancestors {frame_ancestors}"
        ),
        # Not no-referrer: under it browsers send `Origin: null` with our own forms.
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store" if private else "no-cache",
        "vary": "Cookie, Accept-Language",
    }


def problem(request: Request, status: int, key: str | None = None) -> Response:
    """A page that says what went wrong and what to do, in the words of `pages.problem` (title and text).

    `key`: which words; without it those for the status, or `other` where there are none.
    """
    services: Services = request.app.state.services
    key = key or str(status)
    if f"pages.problem.{key}.title" not in services.wording.sentences["en"]:
        key = "other"
    return render(request, "problem.html", status=status, key=key)


def from_elsewhere(request: Request) -> bool:
    """Whether a POST was sent by a page of another site: its `Origin` is neither ours nor the address asked.

    Browsers send `Origin` with every POST; programs that send none carry no cookies of a reader either.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    services: Services = request.app.state.services
    ours = urlsplit(services.settings.base_url)
    theirs = urlsplit(origin) if origin.isascii() and "[" not in origin else None
    if theirs is None or not theirs.netloc:
        return True
    same_host = theirs.netloc == request.headers.get("host")
    return not same_host and (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    found = assets().get(name)
    if found is None:
        return Response(status_code=404)
    for_ever = found.address.endswith(f"/{name}")
    return Response(
        found.content,
        media_type=found.media_type,
        headers={
            "cache-control": f"public, max-age={_YEAR}, immutable" if for_ever else "no-cache",
            "x-content-type-options": "nosniff",
        },
    )


def routes(services: Services) -> list[BaseRoute]:
    """The files that pages refer to."""
    return [Route("/static/{name}", _static, methods=["GET"])]
