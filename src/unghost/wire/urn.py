"""URNs as LinkedIn writes them: `urn:li:<kind>:<number>`.

Read by hand: a pattern's dollar sign accepts a newline, its class of digits accepts foreign ones.
"""

from __future__ import annotations

JOB_APPLICATION = "jobApplication"
ORGANIZATION = "organization"
DEVELOPER_APPLICATION = "developerApplication"
PERSON = "person"

#: The largest number a URN may carry: ids are 64-bit (Rest.li `long`).
LARGEST = 2**63 - 1


def write(kind: str, number: int) -> str:
    """`urn:li:<kind>:<number>`."""
    return f"urn:li:{kind}:{number}"


def read(kind: str, text: str) -> int:
    """The number of a URN of this kind. Raises `ValueError`, saying what is wanted (spec R6)."""
    prefix = f"urn:li:{kind}:"
    if not text.startswith(prefix):
        raise ValueError(f"want {prefix}N with a number N")
    rest = text[len(prefix) :]
    if rest.startswith("urn:li:"):
        raise ValueError(f"the prefix urn:li:{kind}: stands there twice; want {prefix}N")
    return number(rest, f"{prefix}N")


def either(kind: str, text: str) -> int:
    """The number of a URN of this kind, or one that stands alone: what people type. Raises `ValueError`."""
    return read(kind, text) if text.startswith("urn:") else number(text)


def number(text: str, wanted: str = "N") -> int:
    """A URN's number alone: ASCII digits, no leading zero, within 64 bits. Raises `ValueError`."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"want {wanted} where N is digits 0-9 only")
    if text[0] == "0":
        raise ValueError(f"want {wanted} where N is above 0 and has no leading zero")
    if len(text) > 19 or int(text) > LARGEST:
        raise ValueError(f"want {wanted} where N is at most {LARGEST}")
    return int(text)
