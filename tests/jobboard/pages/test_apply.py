"""The apply page: what goes in, what is refused beside its field, and what it never gives away (spec R24, R28)."""

from __future__ import annotations

import concurrent.futures
import html
import socket

import httpx2
import pytest

from tests.jobboard.pages.site import PDF, Site
from tests.world import ORGANIZATION

GRACE = {"name": "Grace Öst", "email": "grace@applicant.example", "language": "de", "time_zone": "Europe/Berlin"}
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def send(
    site: Site, browser: httpx2.Client, data: dict[str, str] | None = None, resume: tuple[str, bytes, str] | None = PDF
) -> httpx2.Response:
    files = {"resume": resume} if resume else {"resume": ("", b"", "application/octet-stream")}
    return browser.post(f"/jobs/{site.jobs[2]}/apply", data=GRACE if data is None else data, files=files)


def stored(site: Site) -> list[tuple[object, ...]]:
    return site.sql(
        """SELECT p.name, p.email, p.language, p.time_zone, r.file_name, r.media_type, r.content
           FROM jobboard.application a JOIN jobboard.applicant p ON p.id = a.applicant_id
           LEFT JOIN jobboard.resume r ON r.application_number = a.number WHERE a.job_id = %s""",
        site.jobs[2],
    )


def test_an_application_is_stored_with_its_resume_and_its_submitted(site: Site) -> None:
    with site.browser() as browser:
        answer = send(site, browser)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{site.jobs[2]}/applied")
        assert "set-cookie" not in answer.headers
        assert "Your application is in" in browser.get(answer.headers["location"]).text
    assert stored(site) == [
        ("Grace Öst", "grace@applicant.example", "de", "Europe/Berlin", "cv.pdf", "application/pdf", PDF[1])
    ]
    assert site.sql(
        """SELECT n.action, n.place, n.state FROM jobboard.notice n JOIN jobboard.application a
           ON a.number = n.application_number WHERE a.job_id = %s ORDER BY place""",
        site.jobs[2],
    ) == [
        ("APPLICATION_SUBMITTED", "EMAIL", "waiting"),
        ("APPLICATION_SUBMITTED", "JOB_POSTING", "told"),
        ("APPLICATION_SUBMITTED", "MY_JOBS", "told"),
    ]


def test_sending_it_twice_even_at_once_makes_one_application(site: Site) -> None:
    def once(_: int) -> int:
        with site.browser() as browser:
            return send(site, browser).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as four:
        assert list(four.map(once, range(4))) == [303] * 4
    assert len(stored(site)) == 1


def test_typing_somebody_elses_address_shows_and_changes_nothing_of_theirs(site: Site) -> None:
    """Spec R24: the answer is the one that an unknown address gets, and nobody is signed in by it."""
    before = site.sql("SELECT name, email, language, time_zone FROM jobboard.applicant WHERE id = %s", site.ada)
    with site.browser() as browser:
        unknown = send(site, browser)
        known = send(site, browser, GRACE | {"email": "Ada@Applicant.example", "name": "Mallory"})
        again = send(site, browser, GRACE | {"email": "ada@applicant.example", "name": "Mallory"})
        pages = [browser.get(known.headers["location"]).text, browser.get("/jobs").text]
        assert browser.get("/my-jobs").status_code == 303
    for answer in (known, again):
        assert (answer.status_code, answer.headers["location"]) == (unknown.status_code, unknown.headers["location"])
        assert "set-cookie" not in answer.headers
    assert not any("Ada" in page or "Lindqvist" in page for page in pages)
    assert site.sql("SELECT name, email, language, time_zone FROM jobboard.applicant WHERE id = %s", site.ada) == before


def test_someone_signed_in_applies_as_themselves_whatever_is_sent(site: Site) -> None:
    with site.browser(site.ada) as browser:
        form = browser.get(f"/jobs/{site.jobs[2]}/apply").text
        assert "ada@applicant.example" in form
        assert 'name="email"' not in form
        answer = send(site, browser, GRACE)
        assert answer.headers["location"] == f"/jobs/{site.jobs[2]}"
        assert "Your application" in browser.get(answer.headers["location"]).text
        assert browser.get(f"/jobs/{site.jobs[2]}/apply").status_code == 303
    assert [row[1] for row in stored(site)] == ["ada@applicant.example"]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "", "Enter your name."),
        ("name", " \t\x00 ", "Enter your name."),
        ("name", "x" * 201, "at most 200 characters"),
        ("name", "You won: https://evil.example", "without a web address"),
        ("name", "Grace \u202egnp", "without invisible characters"),
        ("name", "!!!", "Enter your name in letters"),
        ("email", "", "Enter your e-mail address."),
        ("email", "grace", "Enter a complete e-mail address"),
        ("email", "grace@", "Enter a complete e-mail address"),
        ("email", "grace@applicant.example\r\nBcc: all@x.example", "Enter a complete e-mail address"),
        ("email", "a" * 300 + "@applicant.example", "Enter a complete e-mail address"),
        ("language", "tlh", "Choose one of the languages"),
        ("time_zone", "Moon/Tranquility", "Choose one of the time zones"),
        ("time_zone", "../../etc/passwd", "Choose one of the time zones"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    site: Site, field: str, value: str, sentence: str
) -> None:
    with site.browser() as browser:
        answer = send(site, browser, GRACE | {field: value})
    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert sentence in page
    assert f'id="{field}-error"' in page
    assert page.count('aria-invalid="true"') == 1
    kept = {name: was for name, was in GRACE.items() if name != field}
    assert all(was in page for was in kept.values())
    assert stored(site) == []


@pytest.mark.parametrize(
    ("resume", "sentence"),
    [
        (None, "Choose the file with your résumé."),
        (("cv.pdf", b"", "application/pdf"), "this one is empty"),
        (("cv.pdf", b"MZ\x90 a program", "application/pdf"), "Choose a PDF, Word or text file."),
        (("cv.exe", b"%PDF-1.4", "application/pdf"), "Choose a PDF, Word or text file."),
        (("cv", b"%PDF-1.4", "application/pdf"), "Choose a PDF, Word or text file."),
        (("cv.txt", b"\x00\x01\x02", "text/plain"), "Choose a PDF, Word or text file."),
        (("cv.pdf", b"%PDF-" + b"x" * 5 * 1024 * 1024, "application/pdf"), "at most 5 MB"),
    ],
)
def test_a_resume_that_is_none_is_refused(site: Site, resume: tuple[str, bytes, str] | None, sentence: str) -> None:
    with site.browser() as browser:
        answer = send(site, browser, resume=resume)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert stored(site) == []


@pytest.mark.parametrize(
    ("resume", "name", "media_type"),
    [
        (("cv.PDF", b"%PDF-1.7", "text/html"), "cv.PDF", "application/pdf"),
        (("C:\\files\\cv.docx", b"PK\x03\x04...", "x/y"), "cv.docx", DOCX),
        (("cv.doc", b"\xd0\xcf\x11\xe0...", ""), "cv.doc", "application/msword"),
        (("../../résumé.txt", "Grüße".encode(), "text/plain"), "résumé.txt", "text/plain"),
    ],
)
def test_resumes_of_each_kind_are_taken_as_what_they_are(
    site: Site, resume: tuple[str, bytes, str], name: str, media_type: str
) -> None:
    with site.browser() as browser:
        assert send(site, browser, resume=resume).status_code == 303
    assert [row[4:6] for row in stored(site)] == [(name, media_type)]


def test_a_resume_of_exactly_five_megabytes_is_taken(site: Site) -> None:
    with site.browser() as browser:
        content = b"%PDF-".ljust(5 * 1024 * 1024, b"x")
        assert send(site, browser, resume=("cv.pdf", content, "application/pdf")).status_code == 303
    assert [row[6] for row in stored(site)] == [content]


def test_what_a_browser_leaves_out_has_defaults(site: Site) -> None:
    with site.browser() as browser:
        assert send(site, browser, {"name": "Grace", "email": "grace@applicant.example"}).status_code == 303
    assert [row[2:4] for row in stored(site)] == [("en", "UTC")]


def test_a_program_that_fills_every_field_is_told_nothing_and_stores_nothing(site: Site) -> None:
    with site.browser() as browser:
        assert send(site, browser, GRACE | {"website": "http://spam.example"}).status_code == 303
    assert stored(site) == []


def test_a_form_from_another_site_is_refused(site: Site) -> None:
    path = f"/jobs/{site.jobs[2]}/apply"
    for origin in ("https://evil.example", "null", "http://[::1", "x"):
        with site.browser(site.ada, {"Origin": origin}) as browser:
            for target in (path, "/sign-in", "/sign-out"):
                assert browser.post(target, data=GRACE, files={"resume": PDF}).status_code == 403
    with httpx2.Client(base_url=site.url, headers={"Sec-Fetch-Site": "cross-site"}) as browser:
        assert browser.post(path, data=GRACE, files={"resume": PDF}).status_code == 403
    assert stored(site) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"\x00\xff" * 100),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\xfe'),
        ("application/json", b"[" * 10_000),
        ("application/x-www-form-urlencoded", b"%ff=%00&name=%ED%A0%80&email=%F0%28&a" + b"&a=b" * 100),
        ("application/x-www-form-urlencoded; charset=nonsense", b"name=x"),
        ("", b""),
    ],
)
def test_a_form_that_is_none_never_breaks_the_page(site: Site, content_type: str, body: bytes) -> None:
    with site.browser() as browser:
        headers = {"Content-Type": content_type}
        for path in (f"/jobs/{site.jobs[2]}/apply", "/sign-in"):
            assert browser.post(path, content=body, headers=headers).status_code in (400, 422)
    assert stored(site) == []


def test_a_body_without_end_is_not_read_to_its_end(site: Site) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    head = (
        f"POST /jobs/{site.jobs[2]}/apply HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="resume"; filename="cv.pdf"\r\n\r\n'
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(part), part))
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(64):
                line.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            raise AssertionError("64 MB were taken")


def test_a_closed_job_takes_no_application(site: Site) -> None:
    site.sql("UPDATE jobboard.job SET closed_at = now() WHERE organization = %s", ORGANIZATION)
    with site.browser() as browser:
        assert send(site, browser).headers["location"] == f"/jobs/{site.jobs[2]}"
    assert stored(site) == []


def test_that_it_came_in_is_measured_as_told_on_both_pages(site: Site) -> None:
    """Spec R41."""

    def told() -> float:
        with site.browser() as browser:
            lines = browser.get("/metrics").text.splitlines()
        counted = 'unghost_notices_told_total{action="APPLICATION_SUBMITTED"'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(counted))

    before = told()
    with site.browser() as browser:
        send(site, browser)
        send(site, browser)
    assert told() == before + 2
