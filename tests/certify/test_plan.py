"""The partner's TOML file: what cannot be meant is one sentence that names it and the remedy (spec R39)."""

from __future__ import annotations

from pathlib import Path

import pytest

from unghost.sandbox.certify.plan import ACTS, PlanError, load

GOOD = """
[ats]
webhook_url = "http://127.0.0.1:5000/hook"

[lookup]
url = "http://127.0.0.1:5000/?email={email}"
find = "id=([0-9]+)"

[acts]
view = { url = "http://127.0.0.1:5000/{id}" }
display = "none"
download = { command = ["our-ats", "download", "{id}"] }
reject = { url = "http://127.0.0.1:5000/reject", form = { id = "{id}" } }
bulk_reject = { url = "http://127.0.0.1:5000/reject", json = { ids = "{ids}" } }
unreject = { person = "take the rejection of {name} back" }
elsewhere = { person = "add {name} by hand" }
restart = { command = ["our-ats", "restart"] }
"""
VIEW = 'view = { url = "http://127.0.0.1:5000/{id}" }'


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "ats.toml"
    file.write_text(text)
    return file


def test_a_file_says_for_each_act_how_it_is_done(tmp_path: Path) -> None:
    plan = load(written(tmp_path, GOOD))
    assert set(plan.acts) == set(ACTS)
    assert not plan.has("display") and plan.has("restart")
    assert plan.acts["view"] is not None and plan.acts["view"].called == "GET"
    assert plan.acts["reject"] is not None and plan.acts["reject"].called == "POST"


@pytest.mark.parametrize(
    ("instead", "wrong", "said"),
    [
        (VIEW, "", "acts.view is missing: say how a recruiter opens the applicant's record"),
        ('display = "none"', "", "acts.display is missing: say how a recruiter sees the résumé in a viewer, or"),
        (VIEW, 'view = "none"', 'acts.view is "none", and without it nothing can be certified: say how a rec'),
        (VIEW, "view = 1", "acts.view is 1: give a table"),
        (VIEW, "view = { url = 1 }", "acts.view.url: this is a number; give text in quotes"),
        (VIEW, "view = { command = [1] }", "acts.view.command[0]: this is a number; give text in quotes"),
        (VIEW, 'view = "click"', "acts.view is 'click': give a table"),
        ('display = "none"', "display = 1", 'acts.display is 1: give a table, or "none" if there is no such thing'),
        (VIEW, VIEW + "\nhire = 1", "acts.hire is no act: there are view, download"),
        (VIEW, VIEW + '\nhire = "none"', "acts.hire is no act: there are view, download"),
        (VIEW, 'view = { url = "http://x/{id}", person = "click" }', "acts.view has url and person: give one of them"),
        (VIEW, "view = { }", "acts.view says not how: give url, command or person"),
        (VIEW, 'view = { url = "http://x/{id}", body = "" }', "acts.view: there is no setting body"),
        (VIEW, 'view = { person = "{id}", method = "GET" }', "acts.view has person and method: method belongs to url"),
        (VIEW, 'view = { url = "http://x/", form = {}, json = {} }', "acts.view has form and json: give one of them"),
        (VIEW, 'view = { url = "http://x/{id}", page = "http://x" }', "acts.view has page without form"),
        (VIEW, 'view = { url = "http://x/{id}", method = "GET", form = {} }', "acts.view is a GET with a body"),
        (VIEW, 'view = { url = "/{id}" }', "acts.view.url is '/{id}': give a whole address"),
        (VIEW, 'view = { url = "http://x/" }', "acts.view does not say whom it is about: put one of {id}, {number}"),
        (VIEW, 'view = { url = "http://x/{who}" }', "acts.view has the place {who}, which is not known here"),
        (VIEW, 'view = { command = [] }', "acts.view.command is empty: give the program"),
        ('find = "id=([0-9]+)"', "", "lookup.find is missing"),
        ('find = "id=([0-9]+)"', 'find = "id"', "lookup.find has 0 groups: put one pair of brackets around the id"),
        ('find = "id=([0-9]+)"', 'find = "("', "lookup.find is no regular expression"),
        ('"http://127.0.0.1:5000/hook"', '"hook"', "ats.webhook_url is 'hook': give where the board sends"),
        ('"http://127.0.0.1:5000/hook"', '"http://x"\nstart = ["a"]', "acts.restart and ats.start are both there"),
        ("[ats]", "[timeouts]\nreport = 0\n[ats]", "timeouts.report is 0.0: give seconds above 0"),
        ("[ats]", "[cases]\n[ats]", "there is no setting cases"),
        ("[ats]", "[ats", "is not TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_in_one_sentence(tmp_path: Path, instead: str, wrong: str, said: str) -> None:
    assert instead in GOOD
    with pytest.raises(PlanError) as raised:
        load(written(tmp_path, GOOD.replace(instead, wrong)))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value).strip() or "TOML" in said


def test_an_act_by_the_ats_own_id_needs_a_lookup(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"acts.view wants \{id\} and there is no \[lookup\]"):
        load(written(tmp_path, GOOD[: GOOD.index("[lookup]")] + GOOD[GOOD.index("[acts]") :]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        load(tmp_path / "none.toml")
