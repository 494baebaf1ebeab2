"""The connection goes to exactly the address that was judged; what is not public is not called (spec R28, SSRF)."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import trustme

from tests.jobboard.webhooks.ats import listening
from tests.jobboard.webhooks.board import LOOPBACK
from unghost.jobboard.rules.reach import Forbidden
from unghost.jobboard.webhooks.outward import Answer, NoAnswer, Outward

pytestmark = pytest.mark.anyio
SECONDS_5 = timedelta(seconds=5)
HERE = Outward(networks=LOOPBACK)


async def get(outward: Outward, url: str, within: timedelta = SECONDS_5) -> Answer:
    return await outward.ask("GET", url, within=within)


@contextmanager
def saying(said: bytes) -> Iterator[int]:
    """A port that says this to whoever asks, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(30)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server of the test's own: name -> its answers, one for each time it is asked."""
    given: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def asked(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in given:
            return real(host, port, *args, **options)
        addresses = given[host].pop(0)
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(k, socket.SOCK_STREAM, 6, "", (a, port)) for k, a in zip(kinds, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    return given


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0"])
async def test_this_machine_is_not_called_by_any_of_its_names(host: str) -> None:
    with listening("") as ats:
        with pytest.raises((Forbidden, NoAnswer)):
            await get(Outward(), f"https://{host}:{ats.port}/")
        with pytest.raises((Forbidden, NoAnswer)):
            await get(Outward(networks=(ip_network("10.0.0.0/8"),)), f"http://{host}:{ats.port}/")
        assert not ats.challenges and not ats.deliveries


async def test_a_name_that_resolves_to_a_private_address_is_not_called(names: dict[str, list[list[str]]]) -> None:
    for addresses in (["169.254.169.254"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"], ["fd00:ec2::254"]):
        names["ats.example"] = [addresses]
        with pytest.raises(Forbidden, match=r"ats\.example has the address .*, which is not public"):
            await get(Outward(), "https://ats.example/")


async def test_a_name_is_resolved_once_and_what_was_judged_is_called(names: dict[str, list[list[str]]]) -> None:
    """A name server that gives another address the second time (DNS rebinding) is not asked a second time."""
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as port:
        names["ats.example"] = [["127.0.0.1"], ["10.0.0.1"]]
        assert await get(HERE, f"http://ats.example:{port}/") == Answer(200, b"ok")
        assert names["ats.example"] == [["10.0.0.1"]]


async def test_a_second_address_is_tried_when_the_first_refuses(names: dict[str, list[list[str]]]) -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        names["ats.example"] = [["127.0.0.99", "127.0.0.1"]]
        assert (await get(HERE, f"http://ats.example:{port}/")).status == 200


async def test_a_second_address_is_tried_when_the_first_says_nothing(names: dict[str, list[list[str]]]) -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port, ExitStack() as open_lines:
        full = open_lines.enter_context(socket.socket())
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for _ in range(4):  # its queue is full: further connections get no answer
            line = open_lines.enter_context(socket.socket())
            line.setblocking(False)
            line.connect_ex(("127.0.0.2", port))
        names["ats.example"] = [["127.0.0.2", "127.0.0.1"]]
        assert (await get(HERE, f"http://ats.example:{port}/", timedelta(seconds=4))).status == 200


async def test_http_goes_to_allowed_networks_only(names: dict[str, list[list[str]]]) -> None:
    names["ats.example"] = [["93.184.216.34"]]
    with pytest.raises(Forbidden, match="https://"):
        await get(HERE, "http://ats.example/")


async def test_certificates_are_verified_for_the_name(names: dict[str, list[list[str]]]) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("ats.example").configure_cert(server)
    authority.configure_trust(client)
    trusting = Outward(networks=LOOPBACK, tls=client)
    with listening("secret", server) as ats:
        for host in ("ats.example", "other.example"):
            names[host] = [["127.0.0.1"], ["127.0.0.1"]]
        asked = f"https://ats.example:{ats.port}/?challengeCode=1"
        assert await get(trusting, asked) == Answer(200, ats.proof("1")[2])
        with pytest.raises(NoAnswer, match=r"no TLS with other\.example: .*mismatch"):
            await get(trusting, asked.replace("ats.example", "other.example"))
        with pytest.raises(NoAnswer, match=r"no TLS with ats\.example"):
            await get(HERE, asked)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", Answer(200, b"x")),
        (b"HTTP/1.0 404 Not Found\r\n\r\nuntil closed", Answer(404, b"until closed")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Answer(200, b"abc")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, b"")),
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n", Answer(307, b"")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 70_000, Answer(200, b"x" * 65536)),
    ],
)
async def test_answers_are_read_as_they_come(said: bytes, expected: Answer) -> None:
    with saying(said) as port:
        assert await get(HERE, f"http://127.0.0.1:{port}/") == expected


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, b"HTTP/1.1 2"])
async def test_what_is_no_answer_is_told_in_a_sentence(said: bytes) -> None:
    with saying(said) as port, pytest.raises(NoAnswer, match=r"127\.0\.0\.1"):
        await get(HERE, f"http://127.0.0.1:{port}/")


async def test_one_that_drips_or_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(NoAnswer, match=r"within 0\.2 s"):
        await get(HERE, f"http://127.0.0.1:{server.getsockname()[1]}/", timedelta(seconds=0.2))


async def test_a_name_without_address_is_told(names: dict[str, list[list[str]]]) -> None:
    names["nobody.example"] = [[]]
    for host in ("nobody.example", "a" * 64 + ".example"):
        with pytest.raises(NoAnswer, match="has no address"):
            await get(HERE, f"http://{host}/")


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert (await get(HERE, f"http://127.0.0.1:{port}/")).status == 200
