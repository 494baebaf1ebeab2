"""What the drop-in element fetches: the pages' own rows, for its site and its members alone (spec R23)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from tests.house.sources import SOURCE
from tests.house.sources import text as written
from tests.jobboard.pages.other_site import PAGE
from tests.jobboard.pages.site import OTHER_SITE, Site, standing
from tests.world import ORGANIZATION
from unghost.jobboard.web.status_door import StatusRefusal

HOUR = timedelta(hours=1)
APPLICATIONS = "/status/v1/applications"
JOB = f"/status/v1/jobs/{ORGANIZATION}/P-1"
LIVE = "/status/v1/live"


def token(site: Site, **claims: Any) -> str:
    return site.member_token(**{"aud": "unghost-status"} | claims)


def get(site: Site, path: str, *, bearer: str | None = None, origin: str | None = OTHER_SITE) -> httpx2.Response:
    """As a page of that origin fetches it, for ada unless another token is given."""
    headers = {"Authorization": f"Bearer {token(site) if bearer is None else bearer}".strip()}
    with httpx2.Client(base_url=site.url, timeout=30) as client:
        return client.get(path, headers=headers | ({"Origin": origin} if origin else {}))


def refused(answer: httpx2.Response) -> str:
    """The code of a refusal, once it is sure that its status fits and that a page can read it."""
    refusal = StatusRefusal[answer.json()["code"]]
    assert answer.status_code == refusal.value[0]
    assert answer.headers["access-control-allow-origin"] in ("*", OTHER_SITE)
    assert answer.json()["message"].strip()
    return refusal.name


def text(page: str, tag: str) -> list[str]:
    """The words within the first element of that tag, one after the other."""
    inside = re.search(rf"<{tag}\b.*?</{tag}>", page, re.DOTALL)
    assert inside
    return re.sub(r"<[^>]*>", " ", inside[0]).split()


def tell_much(site: Site) -> None:
    now = site.clock.now()
    first, second = (site.applications[job, site.ada] for job in site.jobs[:2])
    site.report(first, "RESUME_DOWNLOADED", now - HOUR)
    site.report(first, "APPLICATION_VIEWED", now - 2 * HOUR)
    site.report(second, "APPLICATION_VIEWED", now - 3 * HOUR)
    site.sql("UPDATE jobboard.job SET closed_at = now() WHERE id = %s", site.jobs[1])


@pytest.mark.parametrize("language", ["en", "de"])
def test_it_says_what_the_pages_say_word_for_word(site: Site, language: str) -> None:
    tell_much(site)
    site.sql("UPDATE jobboard.applicant SET language = %s, time_zone = 'Asia/Tokyo'", language)
    with site.browser(site.ada) as browser:
        mine, job = browser.get("/my-jobs").text, browser.get(f"/jobs/{site.jobs[0]}").text
    given, beside = get(site, APPLICATIONS), get(site, JOB)
    assert given.headers["content-language"] == beside.headers["content-language"] == language
    assert f'<div lang="{language}" dir="ltr">' in given.text
    assert len(text(mine, "ol")) > 20
    # My Jobs has a route in each entry: the lists are compared to the end of the outer one.
    assert _list(given.text) == _list(mine)
    assert text(beside.text, "section") == text(job, "section")


def _list(page: str) -> list[str]:
    inside = page[page.index('class="entries"') : page.rindex("</ol>")]
    return re.sub(r"<[^>]*>", " ", "<" + inside).split()


def test_the_links_are_left_to_the_site_which_knows_its_own_addresses(site: Site) -> None:
    page = get(site, APPLICATIONS).text
    assert "href" not in page
    assert re.findall(r'data-organization="(\d+)" data-job="([^"]+)"', page) == [
        (str(ORGANIZATION), "P-2"),
        (str(ORGANIZATION), "P-1"),
    ]


def test_a_rejection_that_is_held_changes_no_answer_in_nothing(site: Site) -> None:
    """Spec R16: neither in words nor in size, header or count."""

    def seen() -> list[tuple[bytes, dict[str, str]]]:
        answers = [get(site, path, bearer=bearer) for path in (APPLICATIONS, JOB)]
        return [(a.content, {k: v for k, v in a.headers.items() if k != "date"}) for a in answers]

    bearer = token(site, exp=int((site.clock.now() + HOUR).timestamp()))
    before = seen()
    assert all("etag" not in headers and headers["cache-control"] == "no-store" for _, headers in before)
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_REJECTED")
    assert seen() == before
    for ahead in (71, 73):  # after its hold it is told by mail alone
        site.clock.ahead = timedelta(hours=ahead)
        bearer = token(site)
        assert [content for content, _ in seen()] == [content for content, _ in before]


def test_without_consent_nothing_reported_is_given(site: Site) -> None:
    """Spec R15."""
    site.sql("UPDATE jobboard.customer SET applicant_notifications = false WHERE organization = %s", ORGANIZATION)
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
    assert "Viewed" not in get(site, APPLICATIONS).text + get(site, JOB).text


def test_a_member_gets_their_own_status_and_nobody_elses(site: Site) -> None:
    """Spec R24."""
    site.sql("UPDATE jobboard.applicant SET external_id = 'member-ben' WHERE id = %s", site.ben)
    site.report(site.applications[site.jobs[0], site.ada], "APPLICATION_VIEWED")
    ben = token(site, sub="member-ben")
    assert "Viewed" in get(site, JOB).text
    assert "Viewed" not in get(site, JOB, bearer=ben).text + get(site, APPLICATIONS, bearer=ben).text
    assert "Night ferry" not in get(site, APPLICATIONS, bearer=ben).text
    assert get(site, f"/status/v1/jobs/{ORGANIZATION}/P-2", bearer=ben).status_code == 204


def test_where_there_is_nothing_to_show_nothing_is_given(site: Site) -> None:
    stranger = token(site, sub="member-who-never-applied")
    for path in (APPLICATIONS, JOB, LIVE):
        answer = get(site, path, bearer=stranger)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == OTHER_SITE
    for path in ("P-3", "no-such-job", "P-1/x", "P-%2F", "%C3%A9"):
        assert get(site, f"/status/v1/jobs/{ORGANIZATION}/{path}").status_code == 204
    site.sql("DELETE FROM jobboard.applicant WHERE id = %s", site.ada)
    assert get(site, APPLICATIONS).status_code == 204


def test_an_applicant_without_applications_reads_the_words_of_the_empty_page(site: Site) -> None:
    site.sql("UPDATE jobboard.application SET applicant_id = %s WHERE applicant_id = %s AND job_id = %s",
             site.ben, site.ada, site.jobs[1])  # fmt: skip
    site.sql("DELETE FROM jobboard.notice")
    site.sql("DELETE FROM jobboard.action")
    site.sql("DELETE FROM jobboard.application WHERE applicant_id = %s", site.ada)
    assert "Nothing here yet" in get(site, APPLICATIONS).text


@pytest.mark.parametrize("organization", ["", "x", "0", "0x1", "urn:li:person:1", "%00", "..%2f"])
@pytest.mark.parametrize("job", ["/P-1", ""])
def test_what_cannot_be_a_customer_is_said(site: Site, organization: str, job: str) -> None:
    answer = get(site, f"/status/v1/jobs/{organization}{job}")
    assert refused(answer) == "BAD_JOB"
    assert answer.json()["message"].startswith("organization is ")


@pytest.mark.parametrize("job", ["", "%20", "%00", "%0A", "n" * 300])
def test_what_cannot_be_a_job_is_said(site: Site, job: str) -> None:
    answer = get(site, f"/status/v1/jobs/{ORGANIZATION}/{job}")
    assert refused(answer) == "BAD_JOB"
    assert answer.json()["message"].startswith("job ")


def test_a_job_may_be_named_by_its_customers_urn(site: Site) -> None:
    assert get(site, f"/status/v1/jobs/urn:li:organization:{ORGANIZATION}/P-1").text == get(site, JOB).text


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_no_other_token_reads_a_status(site: Site) -> None:
    bad = {
        "of another board": token(site, key="another key, which is long enough for it"),
        "of another algorithm": token(site, algorithm="HS512"),
        "unsigned": jwt.encode({"sub": "member-ada", "aud": "unghost-status", "exp": 9_999_999_999}, "", "none"),
        "to sign in": token(site, aud="unghost"),
        "for ever": token(site, exp=None),
        "for a day": token(site, exp=int((site.clock.now() + 24 * HOUR).timestamp())),
        "for an age": token(site, exp=10**30),
        "without a subject": token(site, sub=None),
        "of a NUL": token(site, sub="\0"),
        "no token": "x.y.z",
    }
    for path in (APPLICATIONS, JOB, LIVE):
        assert {why: refused(get(site, path, bearer=given)) for why, given in bad.items()} == dict.fromkeys(
            bad, "BAD_TOKEN"
        )
        assert refused(get(site, path, bearer="")) == "MISSING_TOKEN"


def test_a_token_expires_by_the_services_own_clock(site: Site) -> None:
    old, early = token(site), token(site, nbf=int((site.clock.now() + HOUR / 2).timestamp()))
    assert refused(get(site, APPLICATIONS, bearer=early)) == "EXPIRED_TOKEN"
    site.clock.ahead = timedelta(minutes=2)
    assert refused(get(site, APPLICATIONS, bearer=old)) == "EXPIRED_TOKEN"
    assert get(site, APPLICATIONS).status_code == 200


def test_neither_a_cookie_nor_an_address_lets_anybody_in(site: Site) -> None:
    with site.browser(site.ada, {"Origin": OTHER_SITE}) as browser:
        assert refused(browser.get(APPLICATIONS)) == "MISSING_TOKEN"
        assert refused(browser.get(f"{APPLICATIONS}?token={token(site)}")) == "MISSING_TOKEN"


@pytest.mark.parametrize(
    "origin",
    ["https://elsewhere.example", "http://jobs.other.example", f"{OTHER_SITE}:8443", f"{OTHER_SITE}.evil.example",
     "https://x.jobs.other.example", f"{OTHER_SITE}/", "null", "*", "x" * 3000],
)  # fmt: skip
def test_a_page_of_another_origin_reads_only_the_sentence_that_names_the_remedy(site: Site, origin: str) -> None:
    for path in (APPLICATIONS, JOB, LIVE):
        for bearer in (None, "x"):  # whether the token is good is not said either
            answer = get(site, path, bearer=bearer, origin=origin)
            assert refused(answer) == "FOREIGN_ORIGIN"
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "add it to UNGHOST_STATUS_ORIGINS" in answer.json()["message"]
            assert "Origin" in answer.headers["vary"]


def test_an_allowed_page_may_read_the_answer_and_no_cookie_goes_along(site: Site) -> None:
    for path in (APPLICATIONS, JOB):
        headers = get(site, path).headers
        assert headers["access-control-allow-origin"] == OTHER_SITE
        assert "access-control-allow-credentials" not in headers
        assert "set-cookie" not in headers
        assert "Origin" in headers["vary"]
        assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in get(site, APPLICATIONS, origin=None).headers


def test_browsers_may_ask_beforehand(site: Site) -> None:
    with httpx2.Client(base_url=site.url) as client:
        for path in (APPLICATIONS, JOB, LIVE):
            asked = {"Origin": OTHER_SITE, "Access-Control-Request-Method": "GET"}
            answer = client.options(path, headers=asked | {"Access-Control-Request-Headers": "authorization"})
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-headers"] == "authorization"
            assert answer.headers["access-control-allow-methods"] == "GET"
            assert client.post(path).status_code == 405


def test_a_board_without_a_key_or_without_origins_is_closed(database_url: str, tmp_path: Path) -> None:
    with standing(database_url, tmp_path, board_token_key=None, status_origins=()) as site:
        assert refused(get(site, APPLICATIONS)) == "FOREIGN_ORIGIN"
        answer = get(site, APPLICATIONS, origin=None)
        assert (
            refused(
                httpx2.Response(answer.status_code, json=answer.json(), headers={"access-control-allow-origin": "*"})
            )
            == "CLOSED"
        )


@contextmanager
def events(site: Site, bearer: str) -> Iterator[Iterator[str]]:
    """The names of the events of the stream, as they come."""
    headers = {"Authorization": f"Bearer {bearer}", "Origin": OTHER_SITE}
    with httpx2.Client(base_url=site.url, timeout=30) as client, client.stream("GET", LIVE, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["access-control-allow-origin"] == OTHER_SITE
        yield (line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event: "))


def test_a_report_is_an_event_that_says_nothing_else(site: Site) -> None:
    application = site.applications[site.jobs[0], site.ada]
    with events(site, token(site)) as names:
        assert next(names) == "changed"  # look once: what is shown is older than the stream
        site.report(application, "APPLICATION_REJECTED")  # held: no event
        site.report(application, "APPLICATION_VIEWED")
        assert next(names) == "changed"
        assert "Viewed" in get(site, JOB).text


def test_a_stream_ends_with_its_token(site: Site) -> None:
    soon = site.clock.now().timestamp() + 1.5
    with events(site, token(site, exp=soon)) as names:
        assert list(names) == ["changed"]
    assert refused(get(site, LIVE, bearer=token(site, exp=soon))) == "EXPIRED_TOKEN"


def test_the_script_is_small_and_carries_its_style_sheet(site: Site) -> None:
    with httpx2.Client(base_url=site.url) as client:
        packed = client.get("/status/v1.js", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/status/v1.js", headers={"Accept-Encoding": "identity"})
        known = client.get("/status/v1.js", headers={"If-None-Match": plain.headers["etag"]})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(plain.content)) < 5000
    assert packed.content == plain.content
    assert ".stop-name" in plain.text
    assert ":host" in plain.text
    assert "STYLES" not in plain.text
    assert plain.headers["content-type"].startswith("text/javascript")
    assert plain.headers["cross-origin-resource-policy"] == "cross-origin"
    assert plain.headers["access-control-allow-origin"] == "*"
    assert plain.headers["cache-control"].startswith("public, max-age=300")
    assert (known.status_code, known.content) == (304, b"")


def test_the_documentation_lists_every_refusal_part_and_property() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)) == {refusal.name for refusal in StatusRefusal}
    room = SOURCE / "jobboard" / "web"
    folder = room / "templates"
    templates = [folder / "route.html", *(folder / "status").iterdir()]
    parts = [part for template in templates for part in re.findall(r' part="([^"]+)"', written(template))]
    [listed] = re.findall(r"^Parts for `::part\(\)`: (.*?)\. ", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([a-z]+)`", listed)) == set(re.findall("[a-z]+", " ".join(parts))) - {
        "if",
        "loop",
        "last",
        "endif",
    }
    properties = set(re.findall(r"var\((--unghost-[a-z]+)", written(room / "static" / "element.css")))
    assert set(re.findall(r"^\| `(--unghost-[a-z]+)` \|", PAGE, re.MULTILINE)) == properties
