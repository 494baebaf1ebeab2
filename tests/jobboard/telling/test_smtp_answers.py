"""What each answer of a mail server leads to (spec R9, R17, R19)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from psycopg_pool import AsyncConnectionPool

from tests.jobboard.telling.board import NOW, Hands, drain, report, row
from tests.jobboard.telling.post import Post, free_port, posting
from tests.world import make_world
from unghost.jobboard.rules.policy import SUBMITTED, VIEWED

pytestmark = pytest.mark.anyio


@pytest.fixture
def post() -> Iterator[Post]:
    with posting() as running:
        yield running


async def _one(pool: AsyncConnectionPool, action: str = VIEWED) -> tuple[int, int]:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        return await report(connection, world.applications[0], action), world.applicant


async def test_a_mail_is_tried_more_often_than_its_column_counts(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """A mail server that is away for weeks is probed with one mail every half minute."""
    action_id, _ = await _one(pool)
    async with pool.connection() as connection:
        await connection.execute("UPDATE jobboard.notice SET attempts = 32767 WHERE place = 'EMAIL'")
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        assert await mails.step(NOW) == 1
        assert (await row(connection, action_id))[0] == "told"


async def test_a_temporary_refusal_is_tried_again_after_a_wait(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    action_id, _ = await _one(pool)
    post.answers["RCPT"] = ["451 4.7.1 greylisted, come back later"]
    clock = Hands()
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        state, _, detail = await row(connection, action_id)
        assert (state, detail) == ("waiting", "at RCPT: 451 4.7.1 greylisted, come back later")
        assert await mails.step(clock.at) == 0
        clock.at += timedelta(seconds=10)
        assert await mails.step(clock.at) == 1
        assert (await row(connection, action_id))[0] == "told"
    assert len(post.accepted) == 1
    assert post.connections == 1, "the connection is kept after a refusal"


async def test_a_mail_put_off_beyond_the_patience_is_given_up(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    action_id, _ = await _one(pool)
    post.answers["DATA"] = ["452 4.2.2 mailbox full"]
    clock = Hands(NOW + timedelta(days=3))
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        assert await row(connection, action_id) == (
            "withheld",
            "undeliverable",
            "at the end of DATA: 452 4.2.2 mailbox full",
        )


@pytest.mark.parametrize(
    ("step", "answer", "suppressed"),
    [
        ("RCPT", "550 5.1.1 <ada@applicant.example>: no such user ada here", "hard_bounce"),
        ("RCPT", "550 5.1.10 null MX", "hard_bounce"),
        ("RCPT", "550 5.7.1 we do not like you", None),
        ("RCPT", "553 5.1.8 your sender's domain does not exist", None),
        ("DATA", "554 5.6.0 we do not like this", None),
        ("DATA", "554 5.1.1 said too late to be about the address", None),
    ],
)
async def test_a_permanent_refusal_is_final_and_a_hard_bounce_suppresses_the_address(
    database_url: str, pool: AsyncConnectionPool, post: Post, step: str, answer: str, suppressed: str | None
) -> None:
    """spec R19; the detail never holds the address"""
    action_id, applicant = await _one(pool, SUBMITTED)
    post.answers[step] = [answer]
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        await mails.step(NOW)
        state, reason, detail = await row(connection, action_id)
        assert (state, reason) == ("withheld", "undeliverable")
        assert answer[:10] in detail
        assert "@" not in detail and "ada" not in detail.replace("…", "")
        cursor = await connection.execute("SELECT mail_suppressed FROM jobboard.applicant WHERE id = %s", (applicant,))
        assert await cursor.fetchone() == (suppressed,)


async def test_a_server_that_is_down_costs_no_mail_its_patience(database_url: str, pool: AsyncConnectionPool) -> None:
    """However long it was down: the backlog is not given up."""
    action_id, _ = await _one(pool)
    clock = Hands(NOW + timedelta(days=30))
    smtp_url = f"smtp://127.0.0.1:{free_port()}"
    async with drain(database_url, None, clock, smtp_url=smtp_url) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        state, _, detail = await row(connection, action_id)
        assert state == "waiting"
        assert detail.startswith("no connection to the mail server")


@pytest.mark.parametrize(
    ("step", "answer"),
    [("MAIL", "421 4.3.2 shutting down"), ("MAIL", "553 5.7.1 sender not allowed"), ("RCPT", "530 5.7.0 log in first")],
)
async def test_an_answer_about_us_gives_no_mail_up(
    database_url: str, pool: AsyncConnectionPool, post: Post, step: str, answer: str
) -> None:
    action_id, _ = await _one(pool)
    post.answers[step] = [answer] * 2
    clock = Hands(NOW + timedelta(days=30))
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        assert (await row(connection, action_id))[0] == "waiting"
        post.answers[step] = []
        await mails.step(clock.at)
        assert (await row(connection, action_id))[0] == "told"


async def test_the_backlog_rests_while_the_server_is_down_and_goes_out_when_it_is_back(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW, applications=30)
        for application in world.applications:
            await report(connection, application, VIEWED)
    port = free_port()
    stop = asyncio.Event()
    async with drain(database_url, None, Hands(), smtp_url=f"smtp://127.0.0.1:{port}", mail_connections=4) as mails:
        working = asyncio.create_task(mails.run(stop))
        async with pool.connection() as connection:
            await _until(connection, "SELECT sum(attempts) > 4 FROM jobboard.notice WHERE place = 'EMAIL'")
            cursor = await connection.execute("SELECT sum(attempts) FROM jobboard.notice WHERE place = 'EMAIL'")
            attempts = await cursor.fetchone()
            assert attempts is not None and attempts[0] < 30, "one probes, the others rest"
            await connection.commit()
            with posting(port) as post:
                await _until(connection, "SELECT bool_and(state = 'told') FROM jobboard.notice WHERE place = 'EMAIL'")
                stop.set()
                await working
                assert sorted(post.copies().values()) == [1] * 30


async def _until(connection, question: str) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(60):
        while True:
            cursor = await connection.execute(question)
            answer = await cursor.fetchone()
            await connection.commit()
            if answer[0]:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls", "smtp"])
async def test_mails_go_over_tls_with_a_login(
    database_url: str, pool: AsyncConnectionPool, scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    await _one(pool)
    tls = None if scheme == "smtp" else context
    with posting(tls=tls, starttls=scheme == "smtp+starttls", login=("board", "p@ss word")) as post:
        url = f"{scheme}://board:p%40ss%20word@127.0.0.1:{post.port}"
        async with drain(database_url, post, Hands(), smtp_url=url) as mails:
            await mails.step(NOW)
        assert len(post.accepted) == 1
        assert post.logins == [(b"board", b"p@ss word")]


async def test_a_refused_login_gives_no_mail_up(database_url: str, pool: AsyncConnectionPool) -> None:
    action_id, _ = await _one(pool)
    with posting(login=("board", "right")) as post:
        url = f"smtp://board:wrong@127.0.0.1:{post.port}"
        async with drain(database_url, post, Hands(), smtp_url=url) as mails, pool.connection() as connection:
            await mails.step(NOW)
            state, _, detail = await row(connection, action_id)
            assert state == "waiting" and "535" in detail


async def test_a_connection_that_the_server_closed_while_idle_is_replaced(
    database_url: str, pool: AsyncConnectionPool
) -> None:
    async with pool.connection() as connection:
        world = await make_world(connection, NOW)
        await report(connection, world.applications[0], VIEWED)
    with posting() as first:
        async with drain(database_url, first, Hands()) as mails:
            await mails.step(NOW)
            first.stop()
            with posting(first.port) as second:
                async with pool.connection() as connection:
                    await report(connection, world.applications[1], VIEWED)
                await mails.step(NOW)
                assert (len(first.accepted), len(second.accepted)) == (1, 1)


async def test_an_answer_lost_after_the_dot_is_sent_again_under_the_same_message_id(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    """spec R9: the one duplicate that SMTP cannot exclude"""
    action_id, _ = await _one(pool)
    post.hang_ups = 1
    clock = Hands()
    async with drain(database_url, post, clock) as mails, pool.connection() as connection:
        await mails.step(clock.at)
        assert (await row(connection, action_id))[0] == "waiting"
        clock.at += timedelta(minutes=1)
        await mails.step(clock.at)
        assert (await row(connection, action_id))[0] == "told"
    assert list(post.copies().values()) == [2]


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada\r\nRCPT TO:<eve@evil.example>@x.example", None),
        ("ada@x.example>\r\nDATA", None),
        ("nobody", None),
        ("a@" + "x" * 64 + "ü.example", None),
    ],
)
async def test_addresses_beyond_ascii_are_sent_and_malformed_ones_are_not(
    database_url: str, pool: AsyncConnectionPool, post: Post, address: str, envelope: str | None
) -> None:
    action_id, applicant = await _one(pool)
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        await connection.execute("UPDATE jobboard.applicant SET email = %s WHERE id = %s", (address, applicant))
        await connection.commit()
        await mails.step(NOW)
        state, reason, detail = await row(connection, action_id)
    if envelope is None:
        assert (state, reason, post.accepted) == ("withheld", "undeliverable", [])
        assert "@ " not in detail and "evil" not in detail
    else:
        assert state == "told"
        assert [a.recipient for a in post.accepted] == [envelope]


async def test_a_name_cannot_add_headers_or_recipients(
    database_url: str, pool: AsyncConnectionPool, post: Post
) -> None:
    _, applicant = await _one(pool)
    name = 'Eve", <eve@evil.example>\r\nBcc: eve@evil.example\r\n\r\nHello\x01'
    async with drain(database_url, post, Hands()) as mails, pool.connection() as connection:
        await connection.execute("UPDATE jobboard.applicant SET name = %s WHERE id = %s", (name, applicant))
        await connection.execute("UPDATE jobboard.job SET title = %s", ("Cook\r\nBcc: eve@evil.example",))
        await connection.execute("UPDATE jobboard.customer SET name = %s", ("Inn\nX: y =?utf-8?q?z?=",))
        await connection.commit()
        await mails.step(NOW)
    [mail] = post.accepted
    message = mail.message
    assert [a.addr_spec for a in message["To"].addresses] == ["ada@applicant.example"]
    assert message["Bcc"] is None and message["X"] is None
    assert message.defects == []
