"""THE TABLE of cases: what an ATS must do, how it is tried, and what to do when it fails (spec R39).

A case judges one thing. It gives its evidence, or raises `Failed` or `NotTried`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unghost.sandbox.certify import content, disturbed, received, undone
from unghost.sandbox.certify.reports import Seen
from unghost.sandbox.certify.stage import Stage

Evidence = Sequence[Seen]


@dataclass(frozen=True)
class Case:
    """One row. `sentence`: what is so when it passes."""

    id: str
    sentence: str
    remedy: str
    run: Callable[[Stage], Evidence]


#: The order counts: the last one winds the clock.
CASES: tuple[Case, ...] = (
    Case(
        "challenge",
        "The webhook answers its challenge within 3 seconds.",
        "Answer a GET with 200 and challengeCode, and as challengeResponse the hex HMAC-SHA256 of the code under the "
        "child application's client secret.",
        received.challenge,
    ),
    Case(
        "wrong-signature",
        "A message with a wrong signature, or with none, is refused and makes no candidate.",
        "Compare X-LI-Signature with the hex HMAC-SHA256 of “hmacsha256=” and the raw body before anything else, and "
        "answer 401 where they differ.",
        received.wrong_signature,
    ),
    Case(
        "delivered",
        "An application that the board delivers becomes a candidate.",
        "Store what the webhook brings before you answer 200, with its jobApplicationId.",
        received.delivered,
    ),
    Case(
        "redelivery",
        "A message that is delivered again is answered 200 and makes no second candidate.",
        "Make the jobApplicationId unique in your database; answer 200 to one that is known.",
        received.redelivery,
    ),
    Case(
        "every-applicant",
        "Something is reported of every applicant who was dealt with.",
        "Report from where a recruiter's act is stored, for every application that came from the board, whoever the "
        "recruiter is.",
        content.every_applicant,
    ),
    Case(
        "each-occurrence",
        "Each occurrence is reported: a record that is opened twice is two reports.",
        "Report every time it happens, each with its own performedAt; the board tells the applicant only once.",
        content.each_occurrence,
    ),
    Case(
        "right-action",
        "Each act is reported as its action; a résumé shown in a viewer is RESUME_DOWNLOADED.",
        "Opening the record is APPLICATION_VIEWED, downloading or displaying the résumé RESUME_DOWNLOADED, rejecting "
        "APPLICATION_REJECTED.",
        content.right_action,
    ),
    Case(
        "organization",
        "Every report names the customer whose job it is as integrationContext.",
        "Send the URN that the consent widget gave you for this customer: urn:li:organization:N.",
        content.organization,
    ),
    Case(
        "child-token",
        "Every report carries a token of the customer's child application.",
        "Fetch the token with the client id and secret of the customer's child application, not with your own.",
        content.child_token,
    ),
    Case(
        "milliseconds",
        "performedAt is when it was done, in milliseconds.",
        "Send milliseconds since 1970 as a number of 13 digits, taken when the recruiter acted.",
        content.milliseconds,
    ),
    Case(
        "order",
        "What was done to one applicant is reported in the order in which it was done.",
        "Send one application's reports one after the other, the next when the one before is taken.",
        content.order,
    ),
    Case(
        "form",
        "The board takes every report as it is written.",
        "Read the board's sentence in the evidence: it names the field and what is wanted.",
        content.form,
    ),
    Case(
        "elsewhere",
        "Nothing is reported of a candidate who came from elsewhere.",
        "Report only about applications that have a jobApplicationId of this board.",
        content.elsewhere,
    ),
    Case(
        "bulk-reject",
        "When several are rejected at once, each rejection is reported.",
        "Report for each applicant, also where many are changed by one statement, a job or an import.",
        content.bulk_reject,
    ),
    Case(
        "consent-off",
        "Reports go on when the customer has no consent: what may be told is the board's to decide.",
        "Do not ask for the customer's consent before you report.",
        disturbed.consent_off,
    ),
    Case(
        "token-expiry",
        "A token that expires in the middle is renewed, and the report is sent again.",
        "On 401 fetch a new token and send the same report again.",
        disturbed.token_expiry,
    ),
    Case(
        "too-many-calls",
        "After 429 the report is sent again, not before Retry-After, and none is dropped.",
        "On 429 wait as many seconds as Retry-After says, then send the same again.",
        disturbed.too_many_calls,
    ),
    Case(
        "overloaded",
        "After 503 the report is sent again.",
        "On 503 wait as Retry-After says, or longer each time, then send the same again.",
        disturbed.overloaded,
    ),
    Case(
        "lost-answer",
        "When the answer is lost the same report is sent again, with the same performedAt.",
        "Store the report before you send it; without an answer send the very same again. The board stores it once.",
        disturbed.lost_answer,
    ),
    Case(
        "restart",
        "When the ATS is restarted before its reports were taken, none is lost.",
        "Keep reports in the database, written in the transaction that stores the act, and not in memory.",
        disturbed.restart,
    ),
    Case(
        "un-reject",
        "A rejection that is taken back within the hold is never told to the applicant.",
        "Hold a rejection back for a while and drop it when it is undone, or take its report back: DELETE with its id.",
        undone.unreject,
    ),
)
