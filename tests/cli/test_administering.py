"""Partners, customers and jobs by command (issue 2, point 8)."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Unghost
from unghost.jobboard.store import access
from unghost.postgres import connect


def credentials(said: str) -> list[tuple[str, str]]:
    return re.findall(r"client_id +(\S+)\n +client_secret +(\S+)", said)


def application(url: str, client_id: str) -> access.OAuthApplication:
    found = asyncio.run(_application(url, client_id))
    assert found is not None
    return found


async def _application(url: str, client_id: str) -> access.OAuthApplication | None:
    async with await connect(url, autocommit=True) as connection:
        return await access.by_client_id(connection, client_id)


@pytest.fixture
def customer(here: Unghost) -> str:
    assert here("customer", "add", "12345", "Harbour & Pine").code == 0
    return "urn:li:organization:12345"


def test_a_partner_and_its_child_application_are_added_and_their_secrets_shown_once(  # spec R11, R25
    database_url: str, here: Unghost, customer: str
) -> None:
    done = here("partner", "add", "Tern", "--customer", customer, "--origin", "https://ATS.example:443/")
    assert done.code == 0
    (_, _), (child_id, secret) = credentials(done.out)
    child = application(database_url, child_id)
    assert child.organization == 12345 and child.parent_id is not None
    assert child.knows(secret, datetime.now(UTC))
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT name, allowed_origins FROM jobboard.oauth_application ORDER BY id").fetchall()
    assert rows == [("Tern", []), ("Tern - Harbour & Pine", ["https://ats.example"])]


def test_a_partner_that_is_there_gets_further_child_applications(here: Unghost, customer: str) -> None:
    assert len(credentials(here("partner", "add", "Tern").out)) == 1
    assert len(credentials(here("partner", "add", "Tern", "--customer", customer).out)) == 1
    again = here("partner", "add", "Tern", "--customer", customer)
    assert again.code == 2 and "already" in again.err


def test_a_rotated_secret_works_beside_the_former_one_for_the_overlap(  # spec R11
    database_url: str, here: Unghost, customer: str
) -> None:
    added = here("partner", "add", "Tern", "--customer", customer)
    client_id, former = credentials(added.out)[1]
    rotated = here("partner", "rotate", client_id, "--overlap", "2h")
    new = re.findall(r"client_secret +(\S+)", rotated.out)[0]
    child, now = application(database_url, client_id), datetime.now(UTC)
    assert child.knows(new, now) and child.knows(former, now + timedelta(hours=1, minutes=59))
    assert not child.knows(former, now + timedelta(hours=2, minutes=1))


def test_a_revoked_partner_takes_its_children_along_and_all_processes_hear_of_it(  # spec R11
    database_url: str, here: Unghost, customer: str
) -> None:
    client_id, _ = credentials(here("partner", "add", "Tern", "--customer", customer).out)[0]
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute("LISTEN jobboard_access")
        assert here("partner", "revoke", client_id).code == 0
        assert next(listening.notifies(timeout=10)).channel == "jobboard_access"
    listed = here("partner", "list").out.splitlines()
    assert len(listed) == 3 and all(re.search(r"\d{4}-\d\d-\d\d", line) for line in listed[1:])
    assert "revoked" in here("customer", "show", "12345").out
    assert here("partner", "rotate", client_id).code == 2


def test_a_revoked_child_application_is_replaced(here: Unghost, customer: str) -> None:  # spec R25
    first = credentials(here("partner", "add", "Tern", "--customer", customer).out)[1][0]
    assert here("partner", "add", "Tern", "--customer", customer).code == 2
    assert here("partner", "revoke", first).code == 0
    [(second, _)] = credentials(here("partner", "add", "Tern", "--customer", customer).out)
    assert second != first


def test_consent_by_command_stands_in_the_ledger(database_url: str, here: Unghost, customer: str) -> None:  # spec R26
    assert here("customer", "consent", customer, "on", "--by", "Dana, by phone").code == 0
    assert "as before" in here("customer", "consent", customer, "on", "--by", "Dana").out
    assert here("customer", "consent", customer, "off", "--by", "Dana").code == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT ticked, changed_by, changed_from FROM jobboard.consent_ledger ORDER BY id")
        assert rows.fetchall() == [
            (True, "Dana, by phone", "unghost customer consent"),
            (False, "Dana", "unghost customer consent"),
        ]
    assert "Dana, by phone" in here("customer", "show", "12345").out


def test_a_customers_own_hold_is_set_and_taken_back(
    database_url: str, here: Unghost, customer: str
) -> None:  # spec R13
    assert here("customer", "hold", customer, "APPLICATION_REJECTED", "96h").code == 0
    assert "APPLICATION_REJECTED 345600 s" in here("customer", "show", "12345").out
    assert here("customer", "hold", customer, "APPLICATION_REJECTED", "policy").code == 0
    assert re.search("own holds +none", here("customer", "show", "12345").out)


def test_admins_are_added_and_removed(here: Unghost, customer: str) -> None:  # spec R24
    assert here("customer", "admin", customer, "Dana@Harbour.example").code == 0
    assert "dana@harbour.example" in here("customer", "show", "12345").out
    assert here("customer", "admin", customer, "dana@harbour.example", "--remove").code == 0
    assert here("customer", "admin", customer, "dana@harbour.example", "--remove").code == 2


def test_jobs_are_added_listed_and_closed(here: Unghost, customer: str) -> None:
    added = here("job", "add", customer, "Joiner [senior]", "--external-id", "HP-1", "--location", "Aarhus")
    number = re.findall(r"job (\d+)", added.out)[0]
    assert re.search(r"HP-1 +Joiner \[senior\] +Aarhus +0 +open", here("job", "list", "12345").out)
    assert here("job", "close", number).code == 0
    assert "closed" in here("job", "list").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("customer", "add", "abc", "X"), "'abc' is no organization"),
        (("customer", "add", "urn:li:organization:0", "X"), "above 0"),
        (("customer", "add", "1", " "), "not empty"),
        (("customer", "add", "1", "a\0b"), "not empty"),
        (("customer", "add", "1", "a\udc80b"), "not empty"),
        (("customer", "show", "99"), "no customer urn:li:organization:99"),
        (("customer", "hold", "99", "APPLICATION_REJECTED", "1h"), "no customer"),
        (("customer", "hold", "99", "APPLICATION_ADMIRED", "1h"), "the policy knows"),
        (("customer", "hold", "99", "APPLICATION_REJECTED", "soon"), "give a number with s, m, h or d"),
        (("customer", "admin", "99", "nobody"), "not an e-mail address"),
        (("customer", "consent", "99", "maybe", "--by", "x"), "maybe"),
        (("partner", "add", "Tern", "--customer", "99"), "add it by `unghost customer add 99 NAME`"),
        (("partner", "add", "Tern", "--origin", "ats.example"), "not an origin"),
        (("partner", "add", "Tern", "--origin", "https://ats.example/settings"), "without a path"),
        (("partner", "rotate", "nobody"), "no application 'nobody'"),
        (("partner", "rotate", "a\0b"), "no client id"),
        (("partner", "revoke", "nobody"), "no application 'nobody'"),
        (("job", "add", "99", "Joiner", "--external-id", "x"), "no customer"),
        (("job", "close", "99999999999999999999"), "no job"),
        (("job", "close", "7"), "no job 7"),
        (("explain", "99"), "no application 99"),
        (("explain", "urn:li:jobApplication:x"), "no jobApplication"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(
    here: Unghost, arguments: tuple[str, ...], said: str
) -> None:
    done = here(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.startswith("unghost: ") and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--database-url", "mysql://x", "is not a PostgreSQL URL"),
        ("--database-url", "postgresql://127.0.0.1:1/x", "cannot be reached"),
        ("--data-dir", "/proc/nowhere", "/proc/nowhere"),
    ],
)
def test_a_board_that_cannot_be_reached_is_one_sentence(unghost: Unghost, option: str, value: str, said: str) -> None:
    for command in (("migrate",), ("customer", "list"), ("explain", "1"), ("work",), ("serve", "--port", "0")):
        done = unghost(*command, option, value)
        assert (done.code, done.err.count("\n")) == (2, 1), (command, done.err)
        assert said in done.err


def test_an_unknown_setting_is_named(unghost: Unghost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNGHOST_COLOUR", "blue")
    done = unghost("customer", "list")
    assert done.code == 2 and "UNGHOST_COLOUR is not a setting" in done.err


def test_without_migrations_commands_say_so(unghost: Unghost, tmp_path: Path) -> None:
    done = unghost("customer", "list", "--data-dir", str(tmp_path / "data"))
    assert done.code == 2 and "run `unghost migrate` first" in done.err
    assert "applied 0001_first" in unghost("migrate", "--data-dir", str(tmp_path / "data")).out
    assert "nothing to do" in unghost("migrate", "--data-dir", str(tmp_path / "data")).out
    assert "no customers yet" in unghost("customer", "list", "--data-dir", str(tmp_path / "data")).out
