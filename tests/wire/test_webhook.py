"""The message, its signature and the challenge, byte for byte (spec R28)."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.wire import webhook

RESUME = webhook.Resume(10001, "https://jobs.example/resumes/word")


def example(name: str = "Zoë O'Brien-李 🦊") -> dict[str, object]:
    return webhook.message(
        application=10001,
        applicant=1001,
        name=name,
        email="zoë@applicant.example",
        applied_at_ms=1604595600000,
        external_job_id="J-ü",
        resume=RESUME,
    )


def test_a_message_holds_what_the_board_knows() -> None:
    assert example("Ada King Lovelace") == {
        "type": "EXPORT_JOB_APPLICATION",
        "jobApplicationId": "urn:li:jobApplication:10001",
        "jobApplicant": "urn:li:person:1001",
        "appliedAt": 1604595600000,
        "externalJobId": "J-ü",
        "questionResponses": {
            "contactInformationQuestionResponses": {
                "firstNameAnswer": {"value": "Ada King"},
                "lastNameAnswer": {"value": "Lovelace"},
                "emailAnswer": {"value": "zoë@applicant.example"},
            },
            "resumeQuestionResponses": {
                "resumeQuestionAnswer": {"mediaUrn": "urn:li:digitalmediaAsset:resume-10001", "mediaUrl": RESUME.url}
            },
        },
    }


def test_one_word_is_a_first_name_and_without_a_resume_there_is_none() -> None:
    made = webhook.message(
        application=1, applicant=2, name="Plato", email="p@a.example", applied_at_ms=3, external_job_id="J", resume=None
    )
    contact = made["questionResponses"]["contactInformationQuestionResponses"]
    assert (contact["firstNameAnswer"], contact["lastNameAnswer"]) == ({"value": "Plato"}, {"value": ""})
    assert "resumeQuestionResponses" not in made["questionResponses"]


def test_the_body_is_ascii_and_means_the_same() -> None:
    body = webhook.encode(example())
    assert body.isascii() and b"Zo\\u00eb" in body and b"\\ud83e\\udd8a" in body
    assert json.loads(body) == example()


def test_the_signature_is_the_hex_digest_of_prefix_and_body() -> None:
    body = webhook.encode(example())
    assert webhook.sign("secret", body) == hmac.new(b"secret", b"hmacsha256=" + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://ats.example/a", "https://ats.example/a?challengeCode=c-1&applicationId=7"),
        ("https://ats.example/a?k=v", "https://ats.example/a?k=v&challengeCode=c-1&applicationId=7"),
        ("https://ats.example", "https://ats.example?challengeCode=c-1&applicationId=7"),
    ],
)
def test_a_challenge_stands_behind_the_urls_own_query(url: str, asked: str) -> None:
    assert webhook.challenge_url(url, "c-1", 7) == asked


def test_a_challenge_is_answered_by_code_and_response() -> None:
    right = {"challengeCode": "c-1", "challengeResponse": webhook.response("secret", "c-1")}
    assert webhook.response("secret", "c-1") == hmac.new(b"secret", b"c-1", hashlib.sha256).hexdigest()
    assert webhook.answers(json.dumps(right | {"more": 1}).encode(), "secret", "c-1")
    for wrong in (
        right | {"challengeCode": "c-2"},
        right | {"challengeResponse": webhook.response("other", "c-1")},
        right | {"challengeResponse": None},
        right | {"challengeResponse": "\ud800"},
        {"challengeCode": "c-1"},
        [right],
        "c-1",
    ):
        assert not webhook.answers(json.dumps(wrong).encode(), "secret", "c-1")


@given(st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_none(body: bytes) -> None:
    assert not webhook.answers(body, "secret", "c-1")
    assert not webhook.answers(b"[" * 100_000, "secret", "c-1")
