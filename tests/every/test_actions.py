"""What must hold for every action of the policy. A failure names what was forgotten: docs/howto/add-an-action.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.house.sources import ROOT, text
from unghost.jobboard.rules.plan import Facts, State, plan
from unghost.jobboard.rules.policy import DEFAULT, Rule, policy, reportable
from unghost.jobboard.rules.timeline import Noticed, timeline
from unghost.jobboard.wording import load
from unghost.wire import lifecycle
from unghost.wire.lifecycle import Report

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERYTHING = policy(enabled=frozenset(DEFAULT))
ACTIONS = pytest.mark.parametrize("action", DEFAULT)
SENTENCES = ("subject", "preheader", "heading", "note_title", "note", "when", "status", "explanation")


@ACTIONS
@pytest.mark.parametrize("language", load().languages)
def test_every_action_has_its_wording_in_every_language(action: str, language: str) -> None:
    """spec R21"""
    said = load().sentences[language]
    folder = f"src/unghost/jobboard/wording/{action.lower()}"
    missing = [key for key in (*SENTENCES, "body") if f"{action.lower()}.{key}" not in said]
    assert not missing, f"{folder}/{language}.toml lacks {', '.join(missing)}"


@ACTIONS
@pytest.mark.parametrize("language", load().languages)
def test_every_mail_was_read_by_somebody(action: str, language: str) -> None:
    """spec R21"""
    for suffix in ("txt", "html"):
        path = ROOT / "tests" / "jobboard" / "mail" / "snapshots" / f"{action.lower()}.{language}.{suffix}"
        assert path.exists(), f"no {path.name}: run UNGHOST_TEST_WRITE_SNAPSHOTS=1 .venv/bin/pytest tests/jobboard/mail"


def test_every_folder_of_wording_belongs_to_an_action_or_is_used_by_all() -> None:
    folders = {key.partition(".")[0] for key in load().sentences["en"]}
    assert folders - {action.lower() for action in DEFAULT} == {"consent", "erase", "mail", "pages", "preferences"}


@pytest.mark.parametrize("action", reportable(EVERYTHING))
def test_every_action_of_an_ats_is_taken_by_the_wire(action: str) -> None:
    """spec R1, R13"""
    element = {"jobApplicationId": "7", "action": action, "performedAt": lifecycle.milliseconds(NOW)}
    read = lifecycle.read(element, NOW, reportable(EVERYTHING), demand_context=False)
    assert isinstance(read, Report) and read.action == action


@ACTIONS
def test_every_action_is_told_at_its_places_after_its_hold_and_not_before(action: str) -> None:
    """spec R13, R16"""
    rule = EVERYTHING[action]
    planned = plan(action, NOW, NOW, Facts(consent=True, holds={}), EVERYTHING)
    assert [notice.place for notice in planned] == list(rule.places)
    assert {notice.due_at for notice in planned} == {NOW + rule.hold}
    for notice in planned:
        assert notice.state is State.WAITING or not rule.hold
        noticed = Noticed(action, notice.place, notice.state, notice.due_at, NOW, True)
        for moment, shown in ((notice.due_at - timedelta(microseconds=1), False), (notice.due_at, True)):
            stops = timeline([noticed], decided_at=None, now=moment, policy=EVERYTHING)
            assert bool(stops) == (shown or notice.state is State.TOLD)


@ACTIONS
def test_every_action_can_have_a_hold_of_the_customer_s_own(action: str) -> None:
    """spec R13"""
    for seconds in (0, 7200):
        planned = plan(action, NOW, NOW, Facts(consent=True, holds={action: seconds}), EVERYTHING)
        assert {notice.due_at for notice in planned} == {NOW + timedelta(seconds=seconds)}


@ACTIONS
def test_every_action_of_an_ats_needs_consent(action: str) -> None:
    """spec R15"""
    planned = plan(action, NOW, NOW, Facts(consent=False, holds={}), EVERYTHING)
    withheld = {notice.state is State.WITHHELD for notice in planned}
    assert withheld == {not EVERYTHING[action].by_board}


@pytest.mark.parametrize(("action", "rule"), [(action, rule) for action, rule in DEFAULT.items() if rule.enabled])
def test_every_action_in_force_stands_in_the_documented_policy(action: str, rule: Rule) -> None:
    by = "the job board itself" if rule.by_board else "an ATS"
    hold = f"{rule.hold // timedelta(hours=1)} h" if rule.hold else "none"
    row = f"| `{action}` | {by} | {', '.join(rule.places)} | {hold} |"
    assert row in text(ROOT / "docs" / "spec.md"), f"docs/spec.md lacks the row {row}"
