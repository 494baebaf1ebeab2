"""What the control server tells and does for a test, beyond the clock (spec R38)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.journeys.winding import Sandbox
from tests.journeys.winding import sandbox as run_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the module."""
    with run_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def test_who_plays_is_said_so_that_a_client_can_begin(sandbox: Sandbox) -> None:
    story = sandbox.told("GET", "story")
    for name in ("base_url", "inbox_url", "client_id", "client_secret", "organization"):
        assert story[name] == sandbox.line[name]
    headers = {"Authorization": f"Bearer {story['board_key']}"}
    customer = requests.get(f"{story['base_url']}/board/v1/customers/12345", headers=headers, timeout=10)
    assert customer.status_code == 200


def test_consent_is_changed_as_an_admin_changes_it_with_a_row_in_the_ledger(sandbox: Sandbox) -> None:  # spec R26
    assert sandbox.told("POST", "consent", {"ticked": False})["changed"] is True
    assert sandbox.told("POST", "consent", {"ticked": False})["changed"] is False
    application = sandbox.applied()
    assert sandbox.report(application.urn, "APPLICATION_VIEWED").status_code == 201
    explained = sandbox.told("GET", f"explain/{application.urn}")
    assert [notice["reason"] for notice in explained["actions"][1]["notices"]] == ["no_consent"] * 3
    assert explained == sandbox.explain(application.urn) | {"actions": explained["actions"]}
    assert sandbox.told("POST", "consent", {"ticked": True, "organization": "12345"})["changed"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "consent", {}, 400, "missing required field `ticked`"),
        ("POST", "consent", {"ticked": "no"}, 400, "Expected `bool`, got `str`"),
        (
            "POST",
            "consent",
            {"ticked": True, "organization": "urn:li:jobApplication:1"},
            400,
            "give urn:li:organization",
        ),
        ("POST", "consent", {"ticked": True, "organization": "404"}, 404, "no customer urn:li:organization:404"),
        ("GET", "explain/1", None, 404, "no application 1: it was never received here, or came before the last reset"),
        ("GET", "explain/x%0A", None, 400, "give urn:li:jobApplication:12345, or the number alone"),
        ("GET", "explain/99999999999999999999", None, 400, "give urn:li:jobApplication:12345, or the number alone"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    sandbox: Sandbox, method: str, path: str, body: object, status: int, said: str
) -> None:
    answer = sandbox.ask(method, path, body)
    assert answer.status_code == status
    assert said in answer.json()["message"]
    assert "\n" not in answer.json()["message"]


def test_a_lost_partner_is_said(sandbox: Sandbox) -> None:
    secrets = sandbox.data_dir / "client-secrets.json"
    kept = secrets.read_text()
    secrets.write_text("{}")
    answer = sandbox.ask("GET", "story")
    secrets.write_text(kept)
    assert (answer.status_code, "reset the sandbox to story" in answer.json()["message"]) == (409, True)
