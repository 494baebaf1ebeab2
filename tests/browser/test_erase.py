"""An applicant erases their data in a browser, with and without JavaScript; other open pages notice (spec R20, R22)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Opener
from tests.browser.test_accessible import broken_rules, sideways, small_targets
from tests.jobboard.pages.site import Site


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light on a desktop", "dark on a phone"]
)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_applicant_erases_what_is_theirs(
    site: Site, visit: Opener, scheme: str, size: dict[str, int], scripts: bool
) -> None:
    look = {"color_scheme": scheme, "viewport": size, "java_script_enabled": scripts}
    with visit("/my-jobs", site.ada, **look) as page:
        page.get_by_role("link", name="Erase my data").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Erase your data")
        if scripts:
            assert (broken_rules(page), sideways(page), small_targets(page)) == ([], 0, [])
        page.get_by_role("link", name="Keep my data").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("My jobs")
        page.get_by_role("link", name="Erase my data").click()
        page.get_by_role("button", name="Erase everything").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your data is erased")
        expect(page.get_by_role("listitem")).to_have_text(["Harbour & Pine"])
        if scripts:
            assert (broken_rules(page), sideways(page), small_targets(page)) == ([], 0, [])
        page.get_by_role("link", name="My jobs").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert site.sql("SELECT id FROM jobboard.applicant WHERE id = %s", site.ada) == []


def test_other_open_pages_are_signed_out_by_themselves(site: Site, visit: Opener) -> None:
    with visit("/my-jobs", site.ada) as mine, visit(f"/jobs/{site.jobs[0]}", site.ada) as job:
        expect(job.get_by_role("heading", name="Your application")).to_be_visible()
        with visit("/erase", site.ada) as page:
            page.get_by_role("button", name="Erase everything").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Your data is erased")
        expect(mine.get_by_role("heading", level=1)).to_have_text("Sign in")
        expect(job.get_by_role("button", name="Sign out")).to_have_count(0)
        expect(job.get_by_role("heading", name="Your application")).to_have_count(0)
