"""Applicants' journeys in a real browser: applying, following, live, without scripts, by keyboard (spec R22, R24)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from playwright.sync_api import FileChooser, FilePayload, Page, expect
from playwright.sync_api import TimeoutError as TooLate

from tests.browser.conftest import Opener
from tests.jobboard.pages.site import PDF, Site

RESUME = FilePayload(name=PDF[0], mimeType=PDF[2], buffer=PDF[1])


def fill(page: Page) -> None:
    page.get_by_label("Your name").fill("Grace Öst")
    page.get_by_label("E-mail address").fill("grace@applicant.example")
    page.get_by_label("Résumé").set_input_files(RESUME)


def stops(page: Page) -> list[str]:
    return [stop.strip() for stop in page.locator(".stop-name").all_text_contents()]


def test_from_the_open_jobs_to_ones_own_page(site: Site, visit: Opener) -> None:
    with visit("/jobs", timezone_id="Europe/Lisbon") as page:
        page.get_by_role("link", name="Lighthouse keeper").click()
        page.get_by_role("link", name="Apply for this job").click()
        expect(page.get_by_label("Your time zone")).to_have_value("Europe/Lisbon")
        fill(page)
        page.get_by_role("button", name="Send application").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your application is in")
        page.get_by_label("E-mail address").fill("grace@applicant.example")
        page.get_by_role("button", name="Send me the link").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Look in your mailbox")
        page.goto(site.mailbox.link())
        expect(page).to_have_url(f"{site.url}/my-jobs")
        assert stops(page) == ["Submitted"]
        expect(page.get_by_text("Europe/Lisbon")).to_be_visible()
        page.get_by_role("link", name="Lighthouse keeper").click()
        expect(page.get_by_role("heading", name="Your application")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_report_changes_both_pages_without_a_reload(site: Site, visit: Opener) -> None:
    application = site.applications[site.jobs[0], site.ada]
    with visit("/my-jobs", site.ada) as mine, visit(f"/jobs/{site.jobs[0]}", site.ada) as job:
        for page in (mine, job):
            page.evaluate("window.notReloaded = true")
        site.report(application, "APPLICATION_VIEWED")
        for page in (mine, job):
            expect(page.locator(".stop.is-current .stop-name").first).to_have_text("Viewed")
            expect(page.locator("#live-said")).to_have_text("Harbour master’s data engineer, Harbour & Pine: Viewed")
            assert page.evaluate("window.notReloaded")
        expect(mine.locator(f"#application-{application}")).to_have_class("entry is-fresh")
        # The application with the news is now the first one.
        expect(mine.locator(".entry").first).to_have_attribute("id", f"application-{application}")
        site.report(application, "RESUME_DOWNLOADED")
        for page in (mine, job):
            expect(page.locator(".stop.is-current .stop-name").first).to_have_text("Résumé downloaded")
        expect(mine.locator(".is-fresh")).to_have_count(0)  # the mark fades


def test_a_rejection_shows_nowhere(site: Site, visit: Opener) -> None:
    """Spec R13, R16. The view reported after it arrives, so the page has looked; the rejection is not there."""
    application = site.applications[site.jobs[0], site.ada]
    with visit("/my-jobs", site.ada) as page, visit(f"/jobs/{site.jobs[0]}", site.ada) as job:
        site.report(application, "APPLICATION_REJECTED")
        site.report(application, "APPLICATION_VIEWED")
        for each in (page, job):
            expect(each.locator(".stop.is-current .stop-name").first).to_have_text("Viewed")
            assert "Not selected" not in each.content()
            assert "reject" not in each.content().lower()


def test_another_applicants_page_does_not_change(site: Site, visit: Opener) -> None:
    with visit(f"/jobs/{site.jobs[0]}", site.ben) as ben, visit(f"/jobs/{site.jobs[0]}", site.ada) as ada:
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        expect(ada.locator(".stop.is-current .stop-name")).to_have_text("Viewed")
        assert stops(ben) == ["Submitted"]
        ben.reload()
        assert stops(ben) == ["Submitted"]


def test_keyboard_focus_stays_where_it_was_when_the_page_changes(site: Site, visit: Opener) -> None:
    with visit("/my-jobs", site.ada) as page:
        page.locator(f"#job-{site.jobs[1]}").focus()
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        expect(page.locator(".stop.is-current .stop-name").first).to_have_text("Viewed")
        expect(page.locator(f"#job-{site.jobs[1]}")).to_be_focused()


def test_everything_works_without_javascript(site: Site, visit: Opener) -> None:
    with visit(f"/jobs/{site.jobs[2]}/apply", java_script_enabled=False) as page:
        page.get_by_label("Your name").fill("Grace")
        page.get_by_role("button", name="Send application").click()
        expect(page.get_by_role("heading", name="Your application has not been sent yet")).to_be_visible()
        expect(page.get_by_label("Your name")).to_have_value("Grace")
        fill(page)
        page.get_by_label("Your time zone").select_option("Asia/Tokyo")
        page.get_by_role("button", name="Send application").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your application is in")
    with visit("/my-jobs", site.ada, java_script_enabled=False) as page:
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        page.reload()
        assert stops(page) == ["Submitted", "Viewed", "Submitted"]
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{site.url}/jobs")


def chosen_by_keyboard(page: Page) -> FileChooser:
    """What Space opens on the field that is focused. A busy Chromium lets a key pass now and then."""
    for patience in (5_000, 5_000, 20_000):
        with suppress(TooLate):
            with page.expect_file_chooser(timeout=patience) as chooser:
                page.keyboard.press("Space")
            return chooser.value
    raise AssertionError("Space opens no file chooser")


def test_the_whole_way_goes_by_keyboard_alone(site: Site, visit: Opener, tmp_path: Path) -> None:
    with visit(f"/jobs/{site.jobs[2]}/apply") as page:

        def tab_to(name: str) -> None:
            for _ in range(25):
                page.keyboard.press("Tab")
                focused = page.evaluate("""() => {
                    const e = document.activeElement, r = e.getBoundingClientRect(), style = getComputedStyle(e);
                    return [e.labels?.[0]?.textContent ?? e.textContent, r.width * r.height > 0, style.outlineStyle];
                }""")
                if focused[0].strip() == name:
                    assert focused[1:] == [True, "solid"], f"{name} is focused and it does not show"
                    return
            raise AssertionError(f"{name} is not reached by the keyboard")

        tab_to("Skip to the content")
        page.keyboard.press("Enter")
        tab_to("Your name")
        page.keyboard.type("Grace")
        tab_to("E-mail address")
        page.keyboard.type("grace@applicant.example")
        tab_to("Résumé")
        chosen_by_keyboard(page).set_files(RESUME)
        tab_to("Send application")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Your application is in")


def test_a_page_that_is_left_alone_comes_right_when_its_server_was_away(site: Site, visit: Opener) -> None:
    with visit("/my-jobs", site.ada) as page:
        page.context.set_offline(True)  # the console says so: ERR_INTERNET_DISCONNECTED
        site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
        page.context.set_offline(False)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".stop.is-current .stop-name").first).to_have_text("Viewed")
