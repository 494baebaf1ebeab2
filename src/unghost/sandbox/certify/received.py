"""Cases of the webhook: the challenge, wrong signatures, delivery and redelivery (spec R28, R32)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from unghost.clock import SystemClock
from unghost.sandbox.certify.acting import NotActed
from unghost.sandbox.certify.hiring import Person
from unghost.sandbox.certify.reports import VIEWED, Seen, occurrences
from unghost.sandbox.certify.stage import APPLICATION_ID, Failed, NotTried, Stage
from unghost.wire import lifecycle, webhook

_PERSON = 4711
_REDELIVERIES = 2
_LOOK_SECONDS = 0.3


def challenge(stage: Stage) -> Sequence[Seen]:
    """Two codes, asked as the board asks; and the job's own challenge."""
    seen: list[Seen] = []
    for _ in range(2):
        code = str(uuid.uuid4())
        url = webhook.challenge_url(stage.webhook_url, code, APPLICATION_ID)
        status, body, took = stage.hook("GET", url, None, None)
        seen.append(f"GET {stage.webhook_url}?challengeCode={code} was answered {status or 'nothing'} in {took:.2f} s")
        if status != 200:
            raise Failed(f"the challenge was answered {status or 'not at all'}; want 200", seen)
        if took > webhook.CHALLENGE_SECONDS:
            raise Failed(f"the challenge took {took:.1f} s; want at most {webhook.CHALLENGE_SECONDS}", seen)
        if not webhook.answers(body, stage.hiring.child.client_secret, code):
            raise Failed(
                "the answer lacks the code or the right HMAC of it", [*seen, body[:300].decode(errors="replace")]
            )
    if stage.unready:
        raise Failed(f"the board could not open the job: {stage.unready}", seen)
    return [*seen, f"the board's own challenge passed, and the job {stage.hiring.job} is open"]


def wrong_signature(stage: Stage) -> Sequence[Seen]:
    """Signed with another secret, signed for another body, and not signed at all."""
    secret, person = stage.hiring.child.client_secret, stage.hiring.person()
    body = _message(stage, person)
    seen: list[Seen] = []
    for how, signature in (
        ("signed with another secret", webhook.sign(f"{secret}x", body)),
        ("signed for another body", webhook.sign(secret, body + b" ")),
        ("without a signature", None),
    ):
        status, _, _ = stage.hook("POST", stage.webhook_url, body, signature)
        seen.append(f"POST {how}: answered {status or 'nothing'}")
        if not status:
            raise NotTried(f"nobody answers at {stage.webhook_url}")
        if not 400 <= status < 500:
            raise Failed(f"an application {how} was answered {status}; want 401", seen)
    if stage.plan.lookup is not None:
        if found := _candidates(stage, person):
            raise Failed(f"it was refused and became a candidate all the same: {', '.join(found)}", seen)
        seen.append("the lookup finds no candidate of it")
    return seen


def delivered(stage: Stage) -> Sequence[Seen]:
    """Somebody applies on the board, and the lookup finds them."""
    if stage.unready:
        raise NotTried(stage.unready)
    if stage.plan.lookup is None:
        raise NotTried("there is no [lookup] in the file to find a candidate by", lacking=True)
    try:
        person = stage.applied()
    except NotTried as error:
        raise Failed(str(error), error.seen) from None
    return [f"application {person.number} is candidate {', '.join(_candidates(stage, person))}"]


def redelivery(stage: Stage) -> Sequence[Seen]:
    """The same application again, rightly signed; then its record is opened once."""
    stage.need("view")
    person = stage.applied()
    if stage.plan.lookup is None:
        stage.quiet()
    body = _message(stage, person)
    seen: list[Seen] = []
    for _ in range(_REDELIVERIES):
        status, _, _ = stage.hook("POST", stage.webhook_url, body, webhook.sign(stage.hiring.child.client_secret, body))
        seen.append(f"POST of application {person.number} again: answered {status or 'nothing'}")
        if status != 200:
            raise Failed(f"an application that is known was answered {status or 'not at all'}; want 200", seen)
    if stage.plan.lookup is not None:
        time.sleep(_LOOK_SECONDS)
        found = _candidates(stage, person)
        seen.append(f"the lookup finds {', '.join(found) or 'nobody'}")
        if len(found) != 1:
            raise Failed(f"application {person.number} is {len(found)} candidates; want 1", seen)
    stage.act("view", person)
    stage.wait([person], bool)
    stage.quiet()
    views = occurrences(stage.of(person), str(person.number), VIEWED)
    if len(views) > 1:
        raise Failed(f"its record was opened once and reported {len(views)} times", [*seen, *views])
    return [*seen, *views]


def _message(stage: Stage, person: Person) -> bytes:
    assert person.number is not None
    given = webhook.message(
        application=person.number,
        applicant=_PERSON,
        name=person.name,
        email=person.email,
        applied_at_ms=lifecycle.milliseconds(SystemClock().now()),
        external_job_id=stage.hiring.job,
        resume=None,
    )
    return webhook.encode(given)


def _candidates(stage: Stage, person: Person) -> list[str]:
    try:
        return stage.candidates(person)
    except NotActed as error:
        raise NotTried(f"the lookup failed: {error}") from None
