"""Which rule's turn it is: the rules as they were given, and how often each has fitted and was applied.

Two processes count, each the rules of its own side. What was counted stays when rules come, and over a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from unghost.sandbox import magic
from unghost.sandbox.deployment import keep_private
from unghost.sandbox.rules import Rule, Turn


class Given(msgspec.Struct, frozen=True):
    """A rule that somebody gave; its number is never given to another."""

    number: int
    rule: Rule


class Book(msgspec.Struct, frozen=True):
    """All rules that were given, as they lie in their file. `begun`: the number at which all counts began anew."""

    last: int = 0
    begun: int = 0
    given: tuple[Given, ...] = ()

    def added(self, rules: Sequence[Rule]) -> Book:
        """With these after the others."""
        more = tuple(Given(number, rule) for number, rule in enumerate(rules, self.last + 1))
        return Book(self.last + len(more), self.begun, self.given + more)

    def emptied(self) -> Book:
        """Without any; the magic values are as if nobody had used them."""
        return Book(self.last + 1, self.last + 1)

    def write(self, path: Path) -> None:
        """Keep it there."""
        keep_private(path, msgspec.json.encode(self).decode() + "\n")


def read(path: Path) -> Book:
    """The rules that lie there; none if there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=Book) if path.exists() else Book()


class _Counts(msgspec.Struct):
    begun: int
    counts: dict[str, tuple[int, int]]


@dataclass
class Turns:
    """The turns of one side, whose rules are `mine`; `path` keeps the counts."""

    path: Path
    mine: Callable[[Rule], bool]
    _begun: int = -1
    _turns: dict[str, Turn] = field(default_factory=dict)

    def follow(self, book: Book) -> None:
        """Take the rules as they are given now; the magic values come after them."""
        counts: dict[str, tuple[int, int]] = {}
        if book.begun != self._begun:
            self._begun, self._turns, counts = book.begun, {}, self._kept(book.begun)
        rules = {str(one.number): one.rule for one in book.given} | {rule.called: rule for rule in magic.rules()}
        self._turns = {
            key: self._turns.get(key) or Turn(rule, *counts.get(key, (0, 0)))
            for key, rule in rules.items()
            if self.mine(rule)
        }

    def of(self, number: int) -> Turn | None:
        """That of the rule with this number; None if the other side counts it."""
        return self._turns.get(str(number))

    def __iter__(self) -> Iterator[Turn]:
        """In the order in which they count."""
        return iter(self._turns.values())

    def come(self, fitting: Iterable[Turn]) -> Rule | None:
        """Count one call that fits these; gives the first rule whose turn it is."""
        counted = [(turn.comes(), turn.rule) for turn in fitting]
        if counted:
            counts = {key: (turn.fitted, turn.applied) for key, turn in self._turns.items() if turn.fitted}
            keep_private(self.path, msgspec.json.encode(_Counts(self._begun, counts)).decode() + "\n")
        return next((rule for comes, rule in counted if comes), None)

    def _kept(self, begun: int) -> dict[str, tuple[int, int]]:
        if not self.path.exists():
            return {}
        kept = msgspec.json.decode(self.path.read_bytes(), type=_Counts)
        return kept.counts if kept.begun == begun else {}
