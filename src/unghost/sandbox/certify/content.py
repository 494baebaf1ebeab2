"""Cases of what is reported in an ordinary day, in bulk, and of candidates from elsewhere (spec R1, R2, R30)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from unghost.sandbox.certify.hiring import Person
from unghost.sandbox.certify.reports import DOWNLOADED, REJECTED, VIEWED, Attempt, Seen, occurrences
from unghost.sandbox.certify.stage import Day, Failed, NotTried, Stage
from unghost.wire import lifecycle

_BULK = 3
#: How far the ATS's clock may be from the board's.
_CLOCKS = timedelta(minutes=5)
#: Answers that have a case of their own, or that a fault gave.
_OTHERS = (401, 429, 500, 503, 0)


def every_applicant(stage: Stage) -> Sequence[Seen]:
    """Nobody is left out."""
    day = stage.day()
    left_out = [person for person in day.people if not _of(day, person)]
    if left_out:
        named = ", ".join(_named(person) for person in left_out)
        raise Failed(f"nothing was reported of {len(left_out)} of {len(day.people)} applicants: {named}", day.seen)
    return [_of(day, person)[0] for person in day.people]


def each_occurrence(stage: Stage) -> Sequence[Seen]:
    """Two views of one record, a second apart."""
    day = stage.day()
    views = occurrences(day.seen, str(day.viewed_twice.number), VIEWED)
    if len(views) != 2:
        raise Failed(f"the record was opened twice and {len(views)} times reported", views)
    return views


def right_action(stage: Stage) -> Sequence[Seen]:
    """Each with its own. Opening the record on the way to the résumé may be reported too."""
    day = stage.day()
    wanted = [
        (day.viewed_twice, "opened", {VIEWED}),
        (day.displayed, "shown in the viewer", {DOWNLOADED}),
        (day.downloaded, "downloaded", {DOWNLOADED}),
        (day.decided, "opened, downloaded and rejected", {VIEWED, DOWNLOADED, REJECTED}),
    ]
    seen: list[Seen] = []
    for person, what, actions in wanted:
        found = occurrences(day.seen, str(person.number)) if person else []
        if not found or person is None:  # that is every-applicant's
            continue
        came = {attempt.action for attempt in found}
        if not actions <= came or came - actions - {VIEWED}:
            said = f"{_named(person)} was {what}: reported was {_list(came)}; want {_list(actions)}"
            raise Failed(said, found)
        seen += found
    return seen or _nothing()


def organization(stage: Stage) -> Sequence[Seen]:
    """The customer's URN in every report."""
    day = stage.day()
    wrong = [attempt for attempt in day.seen if attempt.organization != stage.hiring.organization]
    if wrong:
        said = f"integrationContext is {wrong[0].organization!r}; want {stage.hiring.organization!r}"
        raise Failed(f"{said} ({len(wrong)} of {len(day.seen)} reports)", wrong)
    return day.seen or _nothing()


def child_token(stage: Stage) -> Sequence[Seen]:
    """The board says whose token it was."""
    day = stage.day()
    wrong = [attempt for attempt in day.seen if attempt.code in ("NOT_A_CHILD_APPLICATION", "INVALID_TOKEN")]
    if wrong:
        said = "came with a token that is not the child application's: the board answers"
        raise Failed(f"{len(wrong)} of {len(day.seen)} reports {said} {wrong[0].status} {wrong[0].code}", wrong)
    return day.seen or _nothing()


def milliseconds(stage: Stage) -> Sequence[Seen]:
    """A number of milliseconds that lies near the moment of the act, and is not rounded."""
    day = stage.day()
    for attempt in day.seen:
        given = attempt.performed_at
        if isinstance(given, str) and given.isascii() and given.isdigit():  # Rest.li reads it as the number
            given = int(given)
        if not isinstance(given, int) or isinstance(given, bool):
            raise Failed(f"performedAt is {given!r}; want a number of milliseconds", [attempt])
        away = abs(given - lifecycle.milliseconds(attempt.at))
        if away > _CLOCKS / timedelta(milliseconds=1):
            seconds = abs(given * 1000 - lifecycle.milliseconds(attempt.at)) < away
            said = "these are seconds" if seconds else f"that is {away / 1000:.0f} s from when the report came"
            raise Failed(f"performedAt is {given}: {said}; want milliseconds since 1970, when it was done", [attempt])
    if len(day.seen) > 2 and all(str(attempt.performed_at).endswith("000") for attempt in day.seen):
        raise Failed(f"each of {len(day.seen)} times ends in 000: they are rounded to seconds", day.seen)
    return day.seen or _nothing()


def order(stage: Stage) -> Sequence[Seen]:
    """Opened, downloaded, rejected: that they come so, and with times that rise."""
    day = stage.day()
    found = occurrences(day.seen, str(day.decided.number))
    rank = {VIEWED: 0, DOWNLOADED: 1, REJECTED: 2}
    # A repeated view on the way to the next act is no disorder: the first of each counts.
    firsts = list({attempt.action: attempt for attempt in reversed(found)}.values())[::-1]
    came = [rank.get(attempt.action, 3) for attempt in firsts]
    times = [int(attempt.performed_at) for attempt in firsts if str(attempt.performed_at).isdecimal()]
    if came != sorted(came) or times != sorted(times):
        raise Failed(f"they came as {', '.join(attempt.action for attempt in firsts)}, or with times that fall", found)
    return found or _nothing()


def form(stage: Stage) -> Sequence[Seen]:
    """Nothing is refused for what is written, but for what another case judges."""
    day = stage.day()
    wrong = [
        attempt
        for attempt in day.seen
        if attempt.status >= 400
        and attempt.status not in _OTHERS
        and attempt.code not in ("NOT_A_CHILD_APPLICATION", "OTHER_CUSTOMER", "BAD_TIME")
        and not (attempt.code == "UNKNOWN_APPLICATION" and attempt.organization != stage.hiring.organization)
    ]
    if wrong:
        raise Failed(f"{len(wrong)} of {len(day.seen)} reports were refused: {wrong[0].entry['reason']}", wrong)
    return day.seen or _nothing()


def elsewhere(stage: Stage) -> Sequence[Seen]:
    """All is done to a candidate from elsewhere; then one from the board is opened, so that it is seen that reports
    arrive."""
    stage.need("elsewhere", "view")
    other, person = stage.hiring.person(number=False), stage.applied()
    stage.act("elsewhere", other)
    before = len(stage.seen())
    done = [act for act in ("view", "display", "download", "reject") if stage.plan.has(act)]
    for act in done:
        stage.act(act, other)
    stage.act("view", person)
    stage.wait([person], bool)
    stage.quiet()
    strange = [attempt for attempt in stage.seen()[before:] if attempt.application not in stage.made]
    if strange:
        raise Failed(f"{len(strange)} reports name applications that nobody made on this board", strange)
    return [f"nothing came of {', '.join(done)} with the candidate from elsewhere", *stage.of(person)]


def bulk_reject(stage: Stage) -> Sequence[Seen]:
    """Three at once."""
    stage.need("bulk_reject")
    people = [stage.applied() for _ in range(_BULK)]
    stage.act("bulk_reject", *people)
    stage.wait(people, lambda found: len(_rejected(found)) == len(people))
    found = stage.of(*people)
    lacking = [person for person in people if str(person.number) not in _rejected(found)]
    if lacking:
        named = ", ".join(_named(person) for person in lacking)
        raise Failed(f"{len(people)} were rejected at once, and nothing was reported of {named}", found)
    return found


def _rejected(found: Sequence[Attempt]) -> set[str]:
    return {attempt.application for attempt in found if attempt.action == REJECTED}


def _of(day: Day, person: Person) -> list[Attempt]:
    return [attempt for attempt in day.seen if attempt.application == str(person.number)]


def _named(person: Person) -> str:
    return f"application {person.number}"


def _list(actions: set[str]) -> str:
    return ", ".join(sorted(actions))


def _nothing() -> Sequence[Seen]:
    raise NotTried("no report came that could be judged")
