"""Rest.li's keys are read as both protocol versions and LinkedIn's clients write them (spec R5, R25, R27)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.wire import keys
from unghost.wire.fields import Unfit, or_refused
from unghost.wire.refusals import Refused

URN = "urn:li:simpleJobPostingTask:5b0f"


@pytest.mark.parametrize(
    "query",
    [
        f"ids={URN}&ids={URN}2",
        f"ids={URN.replace(':', '%3A')}&ids={URN}2&ids={URN}",
        f"ids=List({URN},{URN}2)",
        f"ids=List({URN.replace(':', '%3A')},{URN.replace(':', '%3A')}2)",
        f"ids=List%28{URN}%2C{URN}2%29",
        f"fields=id&ids=List({URN.replace(':', '%253A')},{URN}2)",
    ],
)
def test_plain_keys_are_read_however_they_are_written(query: str) -> None:
    assert keys.plain(query) == [URN, URN + "2"]


def test_compound_keys_are_read_however_they_are_written() -> None:
    wanted = [{"context": "urn:li:organization:1", "type": "A"}, {"context": "urn:li:organization:2", "type": "B"}]
    for query in (
        "ids[0].context=urn:li:organization:1&ids[0].type=A&ids[1].context=urn:li:organization:2&ids[1].type=B",
        "ids%5B0%5D.context=urn%3Ali%3Aorganization%3A1&ids%5B0%5D.type=A&ids[1].type=B&ids[1].context=urn:li:organization:2",
        "ids=List((context:urn%3Ali%3Aorganization%3A1,type:A),(context:urn%3Ali%3Aorganization%3A2,type:B))",
        "ids=List%28%28context:urn%253Ali%253Aorganization%253A1,type:A%29,%28context:urn%253Ali%253Aorganization%253A2,type:B%29%29",
    ):
        assert keys.compound(query) == wanted


def test_what_is_written_is_read_back() -> None:
    key = {"context": "urn:li:organization:1", "name": "a&b=(c),d:é"}
    for protocol in ("1.0.0", "2.0.0"):
        assert keys.of_body(keys.written(key, protocol)) == key
    assert keys.compound(f"ids=List({keys.written(key, '2.0.0')})") == [key]


def test_no_keys_and_too_many_are_refused() -> None:
    for query in ("", "ids=List()", "id=1", "&".join(f"ids={n}" for n in range(101))):
        with pytest.raises(Unfit, match="ids"):
            keys.plain(query)
    for query in ("", "ids=List(1)", "ids=x", "&".join(f"ids[{n}].a=1" for n in range(101))):
        with pytest.raises(Unfit, match="ids"):
            keys.compound(query)


@given(st.text(alphabet="ids=List(),:&%[]0.a+;\0", max_size=60))
def test_any_query_is_read_or_refused(query: str) -> None:
    assert isinstance(or_refused(lambda: keys.plain(query)), list | Refused)
    assert isinstance(or_refused(lambda: keys.compound(query)), list | Refused)
    assert isinstance(keys.of_body(query), dict)
