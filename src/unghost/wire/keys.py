"""Rest.li's keys in queries and bodies, as protocol 1.0.0 and 2.0.0 write them (linkedin-contract.md, section 2.5).

Pure. Read leniently: clients send URNs with and without percent-encoding, and so do LinkedIn's own.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote

from unghost.wire.fields import Unfit
from unghost.wire.refusals import Refusal, shown

#: Most keys of one batch.
MOST = 100
_Key = TypeVar("_Key")
_FIELD = re.compile(r"ids\[([0-9]{1,4})\]\.([A-Za-z]{1,40})")


def plain(query: str) -> list[str]:
    """The keys in `ids=a&ids=b` or `ids=List(a,b)`, each once, in order. Raises `Unfit`."""
    found: list[str] = []
    for name, value in _pairs(query):
        if name == "ids":
            inner = value[5:-1] if value.startswith("List(") and value.endswith(")") else None
            # In a list a comma or colon that belongs to a key is encoded once more.
            found += [value] if inner is None else [unquote(part) for part in inner.split(",") if part]
    return _some(list(dict.fromkeys(found)), "ids=urn:li:…")


def compound(query: str) -> list[dict[str, str]]:
    """The keys in `ids[0].a=…&ids[0].b=…` or `ids=List((a:…,b:…))`, in order. Raises `Unfit`."""
    numbered: dict[int, dict[str, str]] = {}
    for name, value in _pairs(query):
        if matched := _FIELD.fullmatch(name):
            numbered.setdefault(int(matched[1]), {})[matched[2]] = value
    found = [numbered[nth] for nth in sorted(numbered)]
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote(name) == "ids":
            value = value if value.startswith("List(") else unquote(value)
            if not (value.startswith("List((") and value.endswith("))")):
                raise Unfit(Refusal.BAD_KEY, f"ids is {shown(value)}; want List((name:value,…)) or ids[0].name=value")
            found += [_parts(inner) for inner in value[6:-2].split("),(")]
    return _some(found, "ids[0].integrationContext=urn:li:organization:N&…")


def of_body(key: str) -> dict[str, str]:
    """A compound key as a body has it: `a=…&b=…`, or `(a:…,b:…)`."""
    if key.startswith("(") and key.endswith(")"):
        return _parts(key[1:-1])
    return dict(_pairs(key))


def written(key: dict[str, str], protocol: str) -> str:
    """A compound key as a body of this protocol version has it; 1.0.0 with colons as they are, as clients send it."""
    if protocol == "2.0.0":
        return "(" + ",".join(f"{name}:{quote(value, safe='')}" for name, value in key.items()) + ")"
    return "&".join(f"{name}={quote(value, safe=':')}" for name, value in key.items())


def _parts(inner: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in inner.split(","))
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST * 8)
    except ValueError:
        raise Unfit(Refusal.BAD_KEY, f"the query has over {MOST * 8} fields; want at most {MOST} ids") from None


def _some(found: list[_Key], wanted: str) -> list[_Key]:
    if not found:
        raise Unfit(Refusal.BAD_KEY, f"ids is missing from the query; want {wanted}")
    if len(found) > MOST:
        raise Unfit(Refusal.BAD_KEY, f"ids has {len(found)} keys; want at most {MOST} in one call")
    return found
