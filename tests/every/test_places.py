"""What must hold for every place, channel and reason. A failure names what was forgotten (howto/add-a-channel.md)."""

from __future__ import annotations

import inspect
import re

import pytest

from tests.house.sources import ROOT, text
from unghost.clock import SystemClock
from unghost.jobboard.channels import open_channels
from unghost.jobboard.links import Links
from unghost.jobboard.mail import Mails
from unghost.jobboard.reasons import sentence
from unghost.jobboard.rules.plan import Reason
from unghost.jobboard.rules.policy import DEFAULT, Place
from unghost.jobboard.settings import Settings
from unghost.jobboard.store.explaining import Action, Notice
from unghost.jobboard.wording import load

PLACES = pytest.mark.parametrize("place", Place)
# Nobody listens there, and nobody is called: channels connect when they tell.
SETTINGS = Settings(smtp_url="smtp://127.0.0.1:9", secret_key="k" * 40)
CHANNELS = open_channels(SETTINGS, Mails(SETTINGS, Links("k" * 40), load()))


@PLACES
def test_every_place_has_a_channel(place: Place) -> None:
    assert place in CHANNELS, f"{place} has no line in open_channels"


@PLACES
def test_every_place_is_told_something(place: Place) -> None:
    """spec R13"""
    assert any(place in rule.places for rule in DEFAULT.values()), f"no row of the policy tells anything at {place}"


@PLACES
def test_every_place_may_stand_in_a_row(place: Place) -> None:
    schema = text(ROOT / "src" / "unghost" / "jobboard" / "migrations" / "schema.sql")
    table = schema.partition("CREATE TABLE jobboard.notice (")[2].partition(";")[0]
    listed = next((line for line in table.splitlines() if "CHECK" in line and "place" in line), "")
    assert f"'{place}'" in listed, f"the constraint of jobboard.notice does not list {place}: write a migration"


@PLACES
@pytest.mark.parametrize("language", load().languages)
def test_every_place_has_a_name_that_customers_consent_to(place: Place, language: str) -> None:
    """spec R26"""
    assert f"consent.places.{place}" in load().sentences[language], f"wording/consent/{language}.toml lacks {place}"


@pytest.mark.parametrize("place", CHANNELS)
def test_every_channel_has_the_shape_of_one(place: Place) -> None:
    channel = CHANNELS[place]
    assert channel.slots > 0
    assert inspect.iscoroutinefunction(channel.tell) and inspect.iscoroutinefunction(channel.close)


@pytest.mark.anyio
async def test_every_channel_closes_though_it_was_never_used() -> None:
    for channel in CHANNELS.values():
        await channel.close()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_sentence_for_the_operator(reason: Reason) -> None:
    """spec R17"""
    now = SystemClock().now()
    notice = Notice(1, "EMAIL", "withheld", reason, now, None, 0, None, None)
    action = Action(1, "APPLICATION_VIEWED", now, now, None, None, True, True, [notice])
    said = sentence(action, notice, now=now)
    assert " " in said.removeprefix("withheld: "), f"jobboard/reasons.py has no sentence for {reason}"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason: Reason) -> None:
    """spec R17"""
    page = ROOT / "docs" / "howto" / "explain-why-somebody-was-not-told.md"
    assert re.search(rf"^\| `{reason}` \|", text(page), re.MULTILINE), f"{page.name} has no row for {reason}"
