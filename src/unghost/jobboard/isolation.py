"""Keeps what people wrote from turning a sentence of another direction around: a Latin title inside Arabic (spec R21).

In text, subjects, titles and attributes by Unicode's isolates (FSI, PDI), in HTML by `<bdi>`. Pure.
"""

from __future__ import annotations

import re
from unicodedata import bidirectional

from markupsafe import Markup, escape

_FSI, _PDI = "\u2068", "\u2069"
#: Embeddings, overrides and isolates. In a name they could only turn around what stands beside it.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def isolated(value: str, direction: str) -> str:
    """The value as it stands in a sentence of that direction (`ltr`, `rtl`): isolated where its own may differ."""
    value = _TURNING.sub("", value)
    if not value or (direction == "ltr" and not any(bidirectional(letter) in ("R", "AL", "AN") for letter in value)):
        return value
    return f"{_FSI}{value}{_PDI}"


def marked(text: str) -> Markup:
    """Text as HTML: escaped, and its isolates as `<bdi>`. Not for attributes and `<title>`."""
    return escape(text).replace(_FSI, Markup("<bdi>")).replace(_PDI, Markup("</bdi>"))


def bdi(value: object) -> Markup:
    """A name that stands for itself in HTML, whatever its direction."""
    return Markup("<bdi>{}</bdi>").format(_TURNING.sub("", str(value)))
