"""Names of another direction stand in a sentence without turning it around (spec R21)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unghost.jobboard.isolation import bdi, isolated, marked

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.text(alphabet=st.sampled_from(f"aé1 مא(){TURNING}")), st.sampled_from(["ltr", "rtl"]))
def test_nothing_in_a_name_reaches_beyond_it(name: str, direction: str) -> None:
    said = isolated(name, direction)
    inner = said.removeprefix("\u2068").removesuffix("\u2069")
    assert inner == "".join(letter for letter in name if letter not in TURNING)
    assert said in (inner, f"\u2068{inner}\u2069")
    assert (said != inner) == (bool(inner) and (direction == "rtl" or "م" in inner or "א" in inner))


def test_in_html_the_isolates_are_elements_and_the_rest_is_text() -> None:
    assert marked("\u2068<b>\u2069 & c") == "<bdi>&lt;b&gt;</bdi> &amp; c"
    assert bdi("<i>\u202e") == "<bdi>&lt;i&gt;</bdi>"
