"""Partners' URLs reach public addresses by https and nothing else, but what the operator allows (spec R28, SSRF)."""

from __future__ import annotations

import re
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.jobboard.rules.reach import Forbidden, Network, objection, target

HERE: list[Network] = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://ats.example/applications", ("https", "ats.example", 443, "/applications", "ats.example")),
        ("https://ats.example", ("https", "ats.example", 443, "/", "ats.example")),
        ("https://ATS.example:8443/a?b=c%20d", ("https", "ats.example", 8443, "/a?b=c%20d", "ats.example:8443")),
        ("https://93.184.216.34/x", ("https", "93.184.216.34", 443, "/x", "93.184.216.34")),
        ("https://[2606:2800:21f::1]:444/x", ("https", "2606:2800:21f::1", 444, "/x", "[2606:2800:21f::1]:444")),
    ],
)
def test_a_public_https_url_is_taken_apart(url: str, parts: tuple[str, str, int, str, str]) -> None:
    found = target(url)
    assert (found.scheme, found.host, found.port, found.path, found.authority) == parts


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://ats.example/a", "https://"),
        ("ftp://ats.example/a", "https://"),
        ("HTTPS://ats.example/a", "https://"),
        ("file:///etc/passwd", "https://"),
        ("//ats.example/a", "https://"),
        ("ats.example/a", "https://"),
        ("", "characters"),
        ("https://", "names no host"),
        ("https:///path", "names no host"),
        ("https://?x", "names no host"),
        ("https://-ats.example/", "names no host"),
        ("https://ats.example:0/", "names no host"),
        ("https://ats.example:99999/", "cannot be read"),
        ("https://ats.example:x/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://[fe80::1%25eth0]/", "cannot be read"),
        ("https://ann:secret@ats.example/", "user name"),
        ("https://@ats.example/", "user name"),
        ("https://ats.example@169.254.169.254/", "user name"),
        ("https://ats.example/#part", "fragment"),
        ("https://ats.example/#", "fragment"),
        ("https://ats.example/a b", "blanks"),
        ("https://ats.example\\@10.0.0.1/", "blanks"),
        ("https://ats.example/\r\nX: y", "blanks"),
        ("https://ats.example\n", "blanks"),
        ("https://\u2488\u2488.example/", "blanks"),
        ("https://ats.example/" + "a" * 2000, "at most 2000"),
        ("https://10.1.2.3/", "not public"),
        ("https://[::ffff:93.184.216.34]/", "not public"),
        ("https://[::1]/", "not public"),
    ],
)
def test_what_is_no_public_https_url_is_refused_with_the_remedy(url: str, said: str) -> None:
    with pytest.raises(Forbidden, match=said) as refused:
        target(url)
    assert re.search("give|leave|escape", str(refused.value)), "it names the remedy"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:2800:21f::1%eth0", "fec0::1", "ff02::1",
        "not-an-address", "", "127.1", "010.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert objection(target("https://ats.example/"), address, []) is not None


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:21f::1", "2a00:1450::5"])
def test_a_public_address_is_called_by_https_only(address: str) -> None:
    assert objection(target("https://ats.example/"), address, []) is None
    assert "https://" in (objection(target("http://ats.example/", HERE), address, HERE) or "")


def test_an_allowed_network_may_be_called_and_by_http_too() -> None:
    for url in ("http://localhost:8700/hook", "https://localhost/hook", "http://127.0.0.1:9/", "http://[::1]:9/"):
        found = target(url, HERE)
        assert objection(found, "127.0.0.1", HERE) is None and objection(found, "::1", HERE) is None
        assert objection(found, "::ffff:127.0.0.1", HERE) is not None, "mapped addresses are no way around"
        assert objection(found, "10.0.0.1", HERE) is not None


@given(st.text(max_size=60) | st.builds("https://{}".format, st.text(max_size=40)))
def test_any_text_is_a_target_or_refused(url: str) -> None:
    try:
        found = target(url)
    except Forbidden:
        return
    assert found.host and 0 < found.port < 65536 and found.path.startswith("/") and found.path.isascii()


@given(st.ip_addresses())
def test_whatever_is_called_is_public_by_pythons_own_table_too(address: object) -> None:
    if objection(target("https://ats.example/"), str(address), []) is None:
        assert address.is_global and not address.is_multicast  # type: ignore[attr-defined]
