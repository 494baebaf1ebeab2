"""The commands of docs/howto/provision-customers-and-post-jobs.md work as they are printed (spec R25, R27)."""

from __future__ import annotations

import re
import shlex
from string import Template

import pytest

from tests.house.sources import ROOT, text
from tests.jobboard.board_server import Answer
from tests.jobboard.partner_api.conftest import Partner

pytestmark = pytest.mark.anyio

PAGE = ROOT / "docs" / "howto" / "provision-customers-and-post-jobs.md"
ELSEWHERE = "http://127.0.0.1:8400"


def commands(page: str) -> list[str]:
    """Each curl of the page, on one line."""
    blocks = re.findall(r"```(?:sh|text)\n(.*?)```", page, re.DOTALL)
    return [each for block in blocks for each in re.split(r"^(?=curl )", block, flags=re.MULTILINE) if each]


def given(partner: Partner, command: str, variables: dict[str, str]) -> Answer:
    """What a shell and curl would make of it."""
    # "$set" stands in single quotes, where a shell replaces nothing.
    words = shlex.split(Template(command.replace("$set", "$$set")).substitute(variables).replace("\\\n", " "))
    values = {words[n]: words[n + 1] for n in range(1, len(words) - 1) if words[n] in ("-X", "-d")}
    headers = [words[n + 1].partition(": ") for n in range(1, len(words) - 1) if words[n] == "-H"]
    [address] = [word for word in words if word.startswith(ELSEWHERE)]
    return partner.board.ask(
        values.get("-X", "GET"),
        address.removeprefix(ELSEWHERE),
        raw=values["-d"].encode() if "-d" in values else None,
        key=None,
        headers={name: value for name, _, value in headers},
    )


async def test_each_command_is_answered_as_the_page_says(partner: Partner) -> None:
    own = partner.fetch_token(partner.world.parent_client_id, partner.world.parent_client_secret)
    variables = {"TOKEN": partner.token, "PARTNER_TOKEN": own.json["access_token"], "TASK": "none yet"}
    make, find, change, name, post, task, status = commands(text(PAGE))
    made = given(partner, make, variables)
    assert made.status == 201, made.body
    assert given(partner, find, variables).json["elements"][0]["credentials"] == made.json["credentials"]
    change = change.replace("urn:li:developerApplication:7", made.json["key"])
    assert given(partner, change, variables).status == 204
    assert given(partner, find, variables).json["elements"][0]["name"] == "Your ATS - Nordlicht Gruppe"
    assert given(partner, name, variables).json["errors"] == {}
    [taken] = given(partner, post, variables).json["elements"]
    assert taken["status"] == 202, taken
    found = given(partner, task, variables | {"TASK": taken["id"]}).json["results"][taken["id"]]
    assert found["status"] == "IN_PROGRESS"
    status = status.replace("urn:li:jobPosting:1001", found["jobPosting"])
    assert given(partner, status, variables).json["results"][found["jobPosting"]]["listingStatus"] == "LISTED"
