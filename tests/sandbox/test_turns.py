"""Whose turn it is, when rules come and go and processes are started again (spec R37)."""

from __future__ import annotations

from pathlib import Path

from unghost.sandbox import magic, turns
from unghost.sandbox.mail_faults import MailFaults
from unghost.sandbox.rules import Rule, Turn, What, When
from unghost.sandbox.turns import Book, Turns

FIRST = Rule(when=When(), what=What(status=503), nth=1, name="first")
CHANCE = Rule(when=When(), what=What(status=503), probability=0.5, name="chance")
MAIL = Rule(when=When(smtp="rcpt"), what=What(answer="451 4.3.0 later"), nth=1, name="mail")


def of_calls(path: Path, book: Book) -> Turns:
    found = Turns(path / "counted.json", lambda rule: not rule.of_mails)
    found.follow(book)
    return found


def named(found: Turns, *names: str) -> list[Turn]:
    return [turn for turn in found if turn.rule.called in names]


def test_rules_that_come_leave_the_others_counts(tmp_path: Path) -> None:
    book = Book().added([FIRST])
    found = of_calls(tmp_path, book)
    assert found.come(named(found, "first")) is FIRST
    assert found.come(named(found, "magic 9901500")) is not None
    found.follow(book.added([CHANCE, MAIL]))
    assert found.come(named(found, "first")) is None
    assert found.come(named(found, "magic 9901500")) is None
    assert [turn.rule.name for turn in found][:2] == ["first", "chance"]


def test_counts_and_chance_go_on_after_a_restart(tmp_path: Path) -> None:
    book = Book().added([FIRST, CHANCE])
    at_once = Turn(CHANCE)
    wanted = [at_once.comes() for _ in range(16)]
    seen = []
    for _ in range(16):
        again = of_calls(tmp_path, book)
        seen.append(again.come(named(again, "chance")) is not None)
    assert seen == wanted and set(seen) == {True, False}
    assert again.come(named(again, "first", "magic 9901500")) is FIRST
    assert of_calls(tmp_path, book).come(named(of_calls(tmp_path, book), "first", "magic 9901500")) is None


def test_after_a_reset_all_begins_anew(tmp_path: Path) -> None:
    book = Book().added([FIRST])
    found = of_calls(tmp_path, book)
    found.come(named(found, "first", "magic 9901500"))
    for begun in (found, of_calls(tmp_path, book)):
        begun.follow(book.emptied().added([FIRST]))
        assert [turn.fitted for turn in begun] == [0] * (1 + sum(not rule.of_mails for rule in magic.rules()))


def test_the_inbox_counts_its_own_in_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    faults, once = MailFaults(path), "temperror-once@example.org"
    assert faults.rule("data", once) is not None
    book = turns.read(path).added([MAIL])
    book.write(path)
    assert (faults.rule("rcpt", "kim@example.org"), faults.rule("data", once)) == (MAIL, None)
    book = book.added([FIRST])
    book.write(path)
    assert (faults.rule("rcpt", "kim@example.org"), faults.rule("data", once)) == (None, None)
    again = MailFaults(path)
    assert (again.rule("rcpt", "kim@example.org"), again.rule("data", once)) == (None, None)
    book.emptied().added([MAIL]).write(path)
    assert again.rule("rcpt", "kim@example.org") == MAIL and again.rule("data", once) is not None
