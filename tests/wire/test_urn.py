"""URNs are read by hand, strictly (spec R1, R6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.wire import urn


@given(st.integers(1, urn.LARGEST))
def test_what_is_written_is_read_back(number: int) -> None:
    assert urn.read(urn.ORGANIZATION, urn.write(urn.ORGANIZATION, number)) == number


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("12345", "want urn:li:organization:N"),
        ("urn:li:organization:", "digits"),
        ("urn:li:organization:0", "above 0"),
        ("urn:li:organization:012", "leading zero"),
        ("urn:li:organization:-1", "digits"),
        ("urn:li:organization:12345\n", "digits"),
        ("urn:li:organization: 12345", "digits"),
        ("urn:li:organization:1_000", "digits"),
        ("urn:li:organization:\u0661\u0662", "digits"),
        ("urn:li:organization:\u00b2", "digits"),
        ("urn:li:Organization:5", "want urn:li:organization:N"),
        ("urn:li:jobApplication:5", "want urn:li:organization:N"),
        ("urn:li:organization:urn:li:organization:5", "twice"),
        ("urn:li:organization:9223372036854775808", "at most"),
        ("urn:li:organization:" + "9" * 5000, "at most"),
    ],
)
def test_anything_else_is_refused_with_what_is_wanted(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        urn.read(urn.ORGANIZATION, text)


def test_people_may_type_the_number_alone() -> None:
    assert urn.either(urn.ORGANIZATION, "urn:li:organization:5") == urn.either(urn.ORGANIZATION, "5") == 5
    for wrong in ("urn:li:jobApplication:5", "five", "", "\0", "05"):
        with pytest.raises(ValueError, match="want"):
            urn.either(urn.ORGANIZATION, wrong)
