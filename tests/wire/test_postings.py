"""One element of simpleJobPostings is read or refused by its field; descriptions become plain text (spec R27)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unghost.wire import postings
from unghost.wire.postings import Operation, Posting, plain
from unghost.wire.refusals import Refusal, Refused

#: As LinkedIn's pages and its Java SDK have it, with much that the board does not act by.
FULL = {
    "integrationContext": "urn:li:organization:12345",
    "company": "urn:li:organization:12345",
    "companyApplyUrl": "https://ats.example/jobs/7/apply",
    "externalJobPostingId": "job-7",
    "jobPostingOperationType": "CREATE",
    "title": "Carpenter",
    "description": "<b>We build</b><ul><li>with wood</li><li>&amp; screws</li></ul>",
    "listedAt": 1604600000017,
    "location": "Kiel, Germany",
    "listingType": "BASIC",
    "availability": "PUBLIC",
    "workplaceTypes": ["On-site"],
    "posterEmail": "ute@example.com",
    "onsiteApplyConfiguration": {
        "jobApplicationWebhookUrl": "https://ats.example/applications",
        "questions": {"resumeQuestions": {"resumeQuestion": {"required": True}}},
    },
}


def test_a_whole_element_is_read_and_what_the_board_does_not_act_by_is_left_alone() -> None:
    assert postings.read(FULL) == Posting(
        external_id="job-7",
        operation=Operation.CREATE,
        title="Carpenter",
        description="We build\n\n• with wood\n• & screws",
        location="Kiel, Germany",
        listed_at=datetime(2020, 11, 5, 18, 13, 20, 17000, UTC),
        company_apply_url="https://ats.example/jobs/7/apply",
        webhook_url="https://ats.example/applications",
        organization=12345,
    )


def test_without_an_operation_it_is_created_and_null_counts_as_left_out() -> None:
    found = postings.read({"externalJobPostingId": "job-7", "title": "Carpenter", "location": None})
    assert found == Posting("job-7", Operation.CREATE, "Carpenter", None, None, None, None, None, None)
    assert isinstance(postings.read({"externalJobPostingId": "job-7", "jobPostingOperationType": "CLOSE"}), Posting)


@pytest.mark.parametrize(
    ("change", "refusal", "says"),
    [
        ({"externalJobPostingId": None}, Refusal.MISSING_FIELD, "externalJobPostingId"),
        ({"externalJobPostingId": "x" * 76}, Refusal.BAD_VALUE, "at most 75"),
        ({"externalJobPostingId": "a\nb"}, Refusal.BAD_VALUE, "one line"),
        ({"title": None}, Refusal.MISSING_FIELD, "title"),
        ({"title": "x" * 201}, Refusal.BAD_VALUE, "has 201 characters; want at most 200"),
        ({"title": 5}, Refusal.WRONG_TYPE, "title is a number"),
        ({"description": "a\0"}, Refusal.BAD_VALUE, "without NUL"),
        ({"description": "x" * 25_001}, Refusal.BAD_VALUE, "at most 25000"),
        ({"jobPostingOperationType": "RENEW"}, Refusal.BAD_VALUE, "is 'RENEW'; want CREATE or UPDATE or CLOSE"),
        ({"jobPostingOperationType": ["CREATE"]}, Refusal.BAD_VALUE, "is an array"),
        ({"listedAt": 1604600000}, Refusal.BAD_TIME, "this looks like seconds"),
        ({"listedAt": True}, Refusal.WRONG_TYPE, "true or false"),
        ({"listedAt": 10**30}, Refusal.BAD_TIME, "milliseconds since 1970"),
        ({"integrationContext": "12345"}, Refusal.BAD_URN, "urn:li:organization:N"),
        ({"company": "urn:li:organization:9"}, Refusal.BAD_VALUE, "different customers"),
        ({"companyApplyUrl": "ftp://ats.example"}, Refusal.BAD_VALUE, "companyApplyUrl"),
        ({"companyApplyUrl": "HTTPS://ats.example"}, Refusal.BAD_VALUE, "companyApplyUrl"),
        ({"companyApplyUrl": "https://me:secret@ats.example"}, Refusal.BAD_VALUE, "password"),
        ({"onsiteApplyConfiguration": "https://ats.example"}, Refusal.MALFORMED_BODY, "onsiteApplyConfiguration"),
        (
            {"onsiteApplyConfiguration": {"jobApplicationWebhookUrl": 7}},
            Refusal.WRONG_TYPE,
            "onsiteApplyConfiguration.jobApplicationWebhookUrl",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(change: dict[str, Any], refusal: Refusal, says: str) -> None:
    """spec R4"""
    found = postings.read(FULL | change)
    assert isinstance(found, Refused)
    assert found.refusal is refusal
    assert says in found.message


def test_plain_text_stays_as_it_is() -> None:
    for text in ("a < b & c > d", "We build\n\n  with wood", "", "1 <2", "R&D"):
        assert plain(text) == text


def test_markup_becomes_lines_and_what_is_hidden_stays_hidden() -> None:
    assert plain("<p>One</p><p>Two<br/>Three</p>") == "One\n\nTwo\nThree"
    assert plain("A<script>alert(1)</script><STYLE>b{}</STYLE>B<!-- c -->") == "AB"
    assert plain("<a href='https://x.example'>link</a> &lt;b&gt;") == "link <b>"
    assert plain("<script>never closed") == ""


@given(st.text(alphabet="<>/!-&;#ab cpli\n\"'", max_size=300))
def test_any_description_becomes_text_without_failing(text: str) -> None:
    assert "\0" not in plain(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(FULL)), json_values), json_values)
def test_any_json_is_read_or_refused(change: dict[str, Any], anything: object) -> None:
    for element in (FULL | change, change, anything):
        assert isinstance(postings.read(element), Posting | Refused)
