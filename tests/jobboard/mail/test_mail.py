"""The message: headers that every mail program reads rightly, two parts, signed (spec R19, R21)."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.header import decode_header
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import dkim
import pytest

from unghost.jobboard.letter import Letter, moment, render
from unghost.jobboard.links import For, Links
from unghost.jobboard.mail import Mails
from unghost.jobboard.rules.policy import DEFAULT, REJECTED, SUBMITTED, VIEWED
from unghost.jobboard.settings import Settings
from unghost.jobboard.wording import load

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LINKS = Links("a secret key for tests, long enough")
LETTER = Letter(
    action_id=77,
    action=VIEWED,
    applicant_id=4711,
    name="Zoë Özdemir",
    email="zoe@applicant.example",
    language="de",
    time_zone="Europe/Berlin",
    company="Hollis & <Marr>",
    job="Köchin",
    submitted_at=NOW - timedelta(days=2),
    performed_at=NOW,
)


def mails(**own: str) -> Mails:
    """Mails of a deployment."""
    own.setdefault("base_url", "https://jobs.example")
    settings = Settings(mail_from="Jobs <jobs@board.example>", board_name="Kingsway Jobs", **own)  # type: ignore[arg-type]
    return Mails(settings, LINKS, load())


def parse(content: bytes) -> EmailMessage:
    """As Python's own parser reads it."""
    return email.message_from_bytes(content, policy=policy.default)


def test_a_mail_has_the_headers_and_parts_that_it_must_have() -> None:
    """spec R21"""
    message = parse(mails().compose(LETTER, NOW).content)
    assert message.defects == []
    assert message["From"] == "Jobs <jobs@board.example>"
    assert message["To"] == "Zoë Özdemir <zoe@applicant.example>"
    assert message["Subject"] == "Hollis & <Marr> hat Ihre Bewerbung angesehen"
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "<applications.jobs.example>"
    assert message["Content-Language"] == "de"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, html = (part.get_content() for part in message.iter_parts())
    assert "Guten Tag Zoë Özdemir," in text
    assert "https://jobs.example/my-jobs" in text
    assert '<html lang="de" dir="ltr"' in html
    assert "Hollis &amp; &lt;Marr&gt;" in html


def test_a_long_list_unsubscribe_stays_one_address_on_one_line() -> None:
    """spec R19: the standard library would encode it as =?utf-8?q?…, which is not one-click"""
    content = mails(base_url="https://" + "long-name." * 20 + "example").compose(LETTER, NOW).content
    [line] = [line for line in content.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert re.fullmatch(rb"List-Unsubscribe: <https://[^\s<>]{250,}>", line)
    assert len(line) < 998
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content


@pytest.mark.parametrize(
    ("action", "purpose"), [(VIEWED, For.VIEWED_MAILS), (SUBMITTED, For.STATUS_MAILS), (REJECTED, For.STATUS_MAILS)]
)
def test_one_click_turns_off_what_the_mail_is(action: str, purpose: For) -> None:
    """spec R19"""
    message = parse(mails().compose(replace(LETTER, action=action), NOW).content)
    url = urlsplit(str(message["List-Unsubscribe"]).strip("<>"))
    assert url.path == "/preferences/one-click"
    [word] = parse_qs(url.query)["word"]
    assert LINKS.read(purpose, word, NOW + timedelta(days=3650)) == 4711


def test_the_message_id_derives_from_the_notice_and_from_nothing_else() -> None:
    """spec R9, R21"""

    def message_id(letter: Letter, now: datetime = NOW) -> str:
        return str(parse(mails().compose(letter, now).content)["Message-ID"])

    assert message_id(LETTER) == message_id(replace(LETTER, name="Z", company="X"), NOW + timedelta(hours=1))
    assert message_id(LETTER) != message_id(replace(LETTER, action_id=78))
    assert re.fullmatch(r"<notice-77-email\.[0-9a-f]{12}@board\.example>", message_id(LETTER))


#: Words that would give a rejection away, in each language.
TELLTALE = {
    "en": r"reject|decid|decision|unfortunately|regret|sorry|\bnot\b",
    "de": r"absage|abgelehn|leider|bedauer|entschied|entscheid|\bnicht\b|\bkein",
    "fr": r"refus|rejet|décid|décision|malheureusement|regret|retenu|\bpas\b",
    "es": r"rechaz|descart|decid|decisión|lament|seleccion|\bno\b",
    "ar": r"رفض|قرار|قرر|للأسف|نأسف|نعتذر|عدم|لم |الاختيار",
}


@pytest.mark.parametrize("language", load().languages)
def test_the_rejection_s_subject_is_neutral(language: str) -> None:
    """spec R21: who looks over a shoulder, or at the list of mails, learns nothing"""
    rejection = replace(LETTER, action=REJECTED, language=language)
    subject = str(parse(mails().compose(rejection, NOW).content)["Subject"])
    assert "Köchin" in subject and "Hollis" in subject
    for key in ("preheader", "heading"):
        subject += "\n" + load().say(language, f"application_rejected.{key}", company="H", job="K")
    assert not re.search(TELLTALE[language], subject, re.IGNORECASE)
    body = " ".join(load().unfilled_paragraphs(language, "application_rejected.body"))
    assert re.search(TELLTALE[language], body, re.IGNORECASE), "the list knows this language's words"


@pytest.mark.parametrize("language", load().languages)
@pytest.mark.parametrize("action", DEFAULT)
def test_a_mail_says_which_language_it_is_and_how_that_runs(action: str, language: str) -> None:
    """spec R21: in its headers and on the elements that mail programs keep"""
    content = mails().compose(replace(LETTER, action=action, language=language), NOW).content
    message = parse(content)
    assert message.defects == []
    assert message["Content-Language"] == language
    direction = "rtl" if language == "ar" else "ltr"
    text, html = (part.get_content() for part in message.iter_parts())
    assert f'<html lang="{language}" dir="{direction}"' in html
    for tag in re.findall(r"<(?:body|table|div role)[^>]*>", html):
        assert f'dir="{direction}"' in tag
    wrong = ("left", "right") if direction == "rtl" else ("right", "left")
    assert f'align="{wrong[0]}"' not in html and f'align="{wrong[1]}"' in html
    assert not re.search(r"https?://\S*[\u2068\u2069]|[\u2068\u2069]https?:", text), "a link has to stay clickable"


def test_latin_names_are_isolated_in_arabic_and_arabic_names_in_latin_sentences() -> None:
    """spec R21"""
    rendered = {
        (language, job): render(
            replace(LETTER, language=language, job=job),
            load(),
            board="Kingsway",
            my_jobs_url="https://a/",
            preferences_url="https://b/",
        )
        for language in ("en", "ar")
        for job in ("Cook (m/f)", "طاهٍ")
    }
    for job in ("Cook (m/f)", "طاهٍ"):
        arabic = rendered["ar", job]
        assert "\u2068Hollis & <Marr>\u2069" in arabic.subject
        assert f"\u2068{job}\u2069" in arabic.text and "\u2068Kingsway\u2069" in arabic.text
        assert f"<bdi>{job}</bdi>" in arabic.html and "<bdi>Kingsway</bdi>" in arabic.html
        assert "<title>اطّلعت \u2068Hollis &amp; &lt;Marr&gt;\u2069" in arabic.html
        assert not re.search(r'="[^"]*<bdi', arabic.html)
    english, mixed = rendered["en", "Cook (m/f)"], rendered["en", "طاهٍ"]
    assert not re.search("[\u2068\u2069]|<bdi>", english.subject + english.text + english.html)
    assert "\u2068طاهٍ\u2069" in mixed.text and "<bdi>طاهٍ</bdi>" in mixed.html


def test_an_encoded_subject_parts_no_character() -> None:
    """spec R21, RFC 2047: every word can be read by itself and is short enough"""
    letter = replace(LETTER, action=SUBMITTED, language="ar", company="شركة الملاحة والموانئ " * 3)
    content = mails().compose(letter, NOW).content
    [subject] = re.findall(rb"^Subject: ((?:.+\r\n )*.+)\r\n", content, re.MULTILINE)
    words = subject.split(b"\r\n ")
    assert len(words) > 2
    for word in words:
        assert len(word) <= 75
        [(encoded, charset)] = decode_header(word.decode())
        assert charset == "utf-8" and encoded.decode("utf-8")


def test_no_line_is_longer_than_smtp_takes_and_none_is_bare() -> None:
    letter = replace(LETTER, name="ü" * 500, company="C" * 5000, job="ж" * 5000)
    for action in DEFAULT:
        content = mails().compose(replace(letter, action=action), NOW).content
        assert max(map(len, content.split(b"\r\n"))) <= 998
        assert b"\n" not in content.replace(b"\r\n", b"")
        assert parse(content).defects == []


@pytest.mark.parametrize("action", DEFAULT)
def test_the_message_says_what_was_rendered(action: str) -> None:
    """Whatever stands in it: quoted-printable is undone to the letter."""
    letter = replace(LETTER, action=action, name="= =3D .", company="x" * 290 + " é", job=".\u00a0=")
    content = mails().compose(letter, NOW).content
    message = parse(content)
    plain = message.get_body(("plain",))
    assert plain is not None
    url = re.search(r"https://jobs.example/preferences[?]word=\S+", plain.get_content())
    assert url
    rendered = render(
        letter,
        load(),
        board="Kingsway Jobs",
        my_jobs_url="https://jobs.example/my-jobs",
        preferences_url=url[0],
    )
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert (text, html, message["Subject"]) == (rendered.text, rendered.html, rendered.subject)
    assert max(map(len, content.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 78


@pytest.mark.parametrize("text", ["a\r\nBcc: eve@evil.example", "a\x00b", "=?utf-8?q?x?=", '"\\', "a\u2028b", "", " "])
def test_nothing_that_a_person_enters_can_end_a_header(text: str) -> None:
    letter = replace(LETTER, name=text, company=text, job=text)
    content = mails().compose(letter, NOW).content
    message = parse(content)
    assert len(message["To"].addresses) == 1
    assert message["Bcc"] is None
    assert message.defects == []
    assert len(message.keys()) == len(parse(mails().compose(LETTER, NOW).content).keys())


@pytest.fixture(scope="module")
def dkim_key() -> tuple[str, bytes]:
    """A private key as PEM, and the DNS record of its public half."""
    from base64 import b64encode

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem, b"v=DKIM1; k=rsa; p=" + b64encode(public)


def test_a_dkim_signature_covers_the_unsubscribe_headers(dkim_key: tuple[str, bytes]) -> None:
    """spec R21: mail programs offer one-click only if the signature covers it (RFC 8058)"""
    pem, record = dkim_key
    content = mails(dkim_key=pem, dkim_domain="board.example", dkim_selector="s1").compose(LETTER, NOW).content
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    assert dkim.verify(content, dnsfunc=dns)
    assert asked == [b"s1._domainkey.board.example."]
    signed = str(parse(content)["DKIM-Signature"])
    assert re.search(r"h=[^;]*list-unsubscribe\s*:\s*list-unsubscribe-post", signed)
    changed = content.replace(b"List-Unsubscribe: <https", b"List-Unsubscribe: <http")
    assert not dkim.verify(changed, dnsfunc=dns)


def test_times_are_those_of_the_applicant_s_time_zone_and_language() -> None:
    """spec R21"""
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert moment(at, "en", "America/New_York") == "July 1, 2026, 6:30\u00a0PM"
    assert moment(at, "de", "Europe/Berlin") == "2. Juli 2026, 00:30"
    assert moment(at, "fr", "Europe/Paris") == "2 juillet 2026, 00:30"
    assert moment(at, "es", "Europe/Madrid") == "2 de julio de 2026, 0:30"
    assert moment(at, "ar", "Africa/Cairo") == "2 يوليو 2026، 1:30 ص"
    assert moment(at, "de", "Not/AZone") == moment(at, "de", "../etc/passwd") == "1. Juli 2026, 22:30\u00a0UTC"


def _colours(html: str) -> list[tuple[str, str]]:
    """(text, ground) of every text in the HTML part, as the style attributes give them."""
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.grounds, self.texts = ["#ffffff"], ["#000000"]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("meta", "br", "img", "link"):
                return
            style = dict(attrs).get("style") or ""
            ground = re.search(r"background:(#[0-9a-f]{6})", style)
            text = re.search(r"(?:^|;)color:(#[0-9a-f]{6})", style)
            self.grounds.append(ground[1] if ground else self.grounds[-1])
            self.texts.append(text[1] if text else self.texts[-1])

        def handle_endtag(self, tag: str) -> None:
            self.grounds.pop()
            self.texts.pop()

        def handle_data(self, data: str) -> None:
            if data.strip():
                found.append((self.texts[-1], self.grounds[-1]))

    Reader().feed(html.partition("</head>")[2])
    return found


def _contrast(one: str, two: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((light(one), light(two)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


#: The dark scheme as the layout's <style> sets it: text on its grounds.
DARK = [("#ede6d8", "#1d1b18"), ("#b4aa98", "#1d1b18"), ("#7fcabf", "#1d1b18"), ("#0c2a28", "#7fcabf"), ("#ede6d8", "#1b2c2a")]  # fmt: skip  # noqa: E501


def test_every_text_has_the_contrast_that_wcag_aa_asks_for() -> None:
    """spec R21"""
    for action in DEFAULT:
        rendered = render(
            replace(LETTER, action=action), load(), board="B", my_jobs_url="https://a/", preferences_url="https://b/"
        )
        pairs = _colours(rendered.html)
        assert len(pairs) > 10
        for text, ground in [*pairs, *DARK]:
            assert _contrast(text, ground) >= 4.5, (text, ground)
        for colour in {colour for pair in DARK for colour in pair}:
            assert colour in rendered.html
