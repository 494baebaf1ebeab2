"""Coverage as a page that needs no script and nothing from elsewhere (spec R33): HTML, and views to mount.

It names applications by numbers and ids, never a person; even so, each view asks who may see it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unghost.ats.coverage import Coverage, Customer, whole
from unghost.clock import SystemClock

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from django.http import HttpRequest, HttpResponse

#: Rows of a list; the numbers above it count all.
_MOST = 200
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}
_FORBIDDEN = "This page is for those who look after the ATS."


def page(found: Coverage) -> str:
    """The whole page."""
    names = {customer.id: _customer(customer) for customer in found.customers}
    title, lead = _headline(found)
    parts = [
        f'<p class="eyebrow">Coverage, {_time(found.at)}</p>',
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{lead}</p>',
        _customers(found),
    ]
    if found.gaps:
        rows = [
            (
                _application(gap.number, gap.ats_id),
                escape(str(gap.kind)),
                escape(gap.stage),
                _at(gap.at),
                names[gap.customer_id],
            )
            for gap in found.gaps
        ]
        parts.append(
            _list(
                "Missing",
                "In the ATS's history, and not in the outbox. <code>unghost ats backfill</code> records it.",
                ("Application", "Activity", "Stage", "When", "Customer"),
                rows,
                sum((found.missing or {}).values()),
            )
        )
    if found.unviewed:
        unviewed = [
            (_application(one.number, one.ats_id), _at(one.received_at), names[one.customer_id])
            for one in found.unviewed
        ]
        parts.append(
            _list(
                "Never viewed",
                "Received, and no recruiter has opened it, oldest first. These applicants still wait for a first sign.",
                ("Application", "Received", "Customer"),
                unviewed,
                sum(customer.unviewed for customer in found.customers),
            )
        )
    style = files("unghost.ats.integrations").joinpath("coverage.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · unghost</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<main>\n{''.join(part + chr(10) for part in parts)}</main>\n</body>\n</html>\n"
    )


def _headline(found: Coverage) -> tuple[str, str]:
    received = sum(customer.received for customer in found.customers)
    of = f"{_many(received, 'application')} received for {_many(len(found.customers), 'customer')}"
    if found.is_blind:
        ids = "the ids that you give to <code>record</code>"
        return (
            "The history knows none of them",
            f"{of}. Let <code>[history] query</code> select as <code>application_id</code> {ids}.",
        )
    if found.missing is None:
        files = "<code>[stages]</code> and <code>[history]</code> into <code>unghost.toml</code>"
        return (
            "What is missing cannot be said yet",
            f"{of}. Write {files}, and the outbox is held against what was done.",
        )
    total = sum(found.missing.values())
    if total:
        verb = "is" if total == 1 else "are"
        return (
            f"{_many(total, 'activity', 'activities')} {verb} missing",
            f"{of}. The history says that it happened, nobody recorded it, and so no applicant hears of it.",
        )
    return "Nothing is missing", f"{of}. All that the history says happened stands in the outbox."


def _many(count: int, one: str, several: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


_APPLICATIONS: Sequence[tuple[str, Callable[[Customer], int]]] = (
    ("Received", lambda each: each.received),
    ("No activity", lambda each: each.silent),
    ("Never viewed", lambda each: each.unviewed),
)
_ACTIVITIES: Sequence[tuple[str, Callable[[Customer], int]]] = (
    ("Sent", lambda each: each.sent),
    ("Waiting", lambda each: each.waiting),
    ("Dead", lambda each: each.dead),
    ("Not told", lambda each: each.cancelled),
)


def _customers(found: Coverage) -> str:
    if not found.customers:
        return "<p>There is no customer yet: add one to <code>unghost_customer</code>.</p>"
    groups = "".join(
        f'<th scope="colgroup" colspan="{len(group)}" class="group"><span>{name}</span></th>'
        for name, group in (("Applications", _APPLICATIONS), ("Activities in the outbox", _ACTIVITIES))
    )
    numbers = (*_APPLICATIONS, *_ACTIVITIES)
    single = '<th scope="col" rowspan="2"'
    heads = [f'{single}>Customer</th>{single} class="number">Missing</th>{groups}</tr><tr>']
    heads += [f'<th scope="col" class="number">{name}</th>' for name, _ in numbers]
    rows = []
    for each in found.customers:
        missing = None if found.missing is None else found.missing.get(each.id, 0)
        cells = ['<td class="number">?</td>' if missing is None else _number(missing, "attention")]
        cells += [_number(value(each), "attention" if name == "Dead" else "") for name, value in numbers]
        rows.append(f'<tr><th scope="row">{_customer(each)}</th>{"".join(cells)}</tr>')
    return _table("Customers", "", heads, rows)


def _customer(each: Customer) -> str:
    return f'{escape(each.destination)} <span class="soft">urn:li:organization:{each.organization}</span>'


def _number(count: int, marked: str) -> str:
    kinds = " ".join(filter(None, ("number", marked if count else "", "" if count else "none")))
    return f'<td class="{kinds}">{count:,}</td>'


def _list(title: str, lead: str, names: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    heads = [f'<th scope="col">{name}</th>' for name in names]
    written = [
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    ]
    more = f'<p class="soft more">And {total - len(rows):,} more.</p>' if total > len(rows) else ""
    return _table(title, f"<p>{lead}</p>", heads, written) + more


def _table(title: str, lead: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    name = title.lower().replace(" ", "-")
    return (
        f'<h2 id="{name}">{title}</h2>{lead}<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}">'
        f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _application(number: int, ats_id: str) -> str:
    return f'{escape(ats_id)} <span class="soft">urn:li:jobApplication:{number}</span>'


def _at(milliseconds: int) -> str:
    if not milliseconds:
        return '<i class="soft">not known</i>'
    return _time(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))


def _time(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{moment:%Y-%m-%d %H:%M} UTC</time>'


@cache
def _reader(config: Path | None) -> Callable[[], Coverage]:
    """What reads the coverage, over one engine for the process."""
    from unghost.ats import history, stages
    from unghost.ats.settings import load
    from unghost.ats.store.database import open_engine

    settings = load(config)
    engine = open_engine(settings.database_url)
    past, table = history.read(settings.others.get("history")), settings.others.get("stages")
    read = None if table is None else stages.read(table)
    return lambda: whole(engine, past, read, SystemClock().now(), _MOST)


def wsgi_app(allow: Callable[[WSGIEnvironment], bool], config: Path | None = None) -> WSGIApplication:
    """The page as a WSGI application. `allow` says whether a request may see it; `config` is the settings' file."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not allow(environ):
            start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [_FORBIDDEN.encode()]
        body = page(_reader(config)()).encode()
        start_response("200 OK", [*_HEADERS.items(), ("Content-Length", str(len(body)))])
        return [body]

    return app


def asgi_app(
    allow: Callable[[MutableMapping[str, Any]], bool], config: Path | None = None
) -> Callable[[MutableMapping[str, Any], Any, Any], Coroutine[Any, Any, None]]:
    """The page as an ASGI application; `allow` is given the scope."""
    import asyncio

    async def app(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"the page takes HTTP, not {scope['type']}")
        headers, status, body = _HEADERS, 200, ""
        if allow(scope):
            body = await asyncio.to_thread(lambda: page(_reader(config)()))
        else:
            headers, status, body = {"Content-Type": "text/plain; charset=utf-8"}, 403, _FORBIDDEN
        listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": listed})
        await send({"type": "http.response.body", "body": body.encode()})

    return app


def django_view(
    allow: Callable[[HttpRequest], bool], config: Path | None = None
) -> Callable[[HttpRequest], HttpResponse]:
    """The page as a Django view, e.g. with `allow=lambda request: request.user.is_staff`."""

    def view(request: HttpRequest) -> HttpResponse:
        from django.http import HttpResponse, HttpResponseForbidden

        if not allow(request):
            return HttpResponseForbidden(_FORBIDDEN, content_type="text/plain; charset=utf-8")
        return HttpResponse(page(_reader(config)()), headers=_HEADERS)

    return view
