"""What must be true in the end, whatever happened in between (issue: each exactly once, in order, none rolled back)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import psycopg

from tests.ats.conftest import AtsDatabase
from unghost.ats.activity import UNDOING, Kind
from unghost.ats.line import ACTIONS

#: (application's number, activity, performed at)
Act = tuple[int, str, int]


def hold(database: AtsDatabase, board_database: str, committed: Sequence[Act]) -> None:
    """`committed`: all that the ATS committed, in the order of commits for each application."""
    rows = database.all(
        """SELECT p.number, a.activity, a.performed_at, a.state, a.reason, a.detail FROM unghost_activity a
           JOIN unghost_application p ON p.id = a.application_id ORDER BY a.id"""
    )
    with psycopg.connect(board_database) as board:
        stored = board.execute(
            """SELECT application_number, action, (extract(epoch FROM performed_at) * 1000)::bigint
               FROM jobboard.action WHERE action <> 'APPLICATION_SUBMITTED' ORDER BY id"""
        ).fetchall()
        live = board.execute(
            """SELECT n.application_number, (extract(epoch FROM a.performed_at) * 1000)::bigint
               FROM jobboard.notice n JOIN jobboard.action a ON a.id = n.action_id
               WHERE n.action = 'APPLICATION_REJECTED' AND n.state <> 'withheld'"""
        ).fetchall()
    for number in {act[0] for act in committed} | {row[0] for row in rows}:
        acts = [(kind, at) for application, kind, at in committed if application == number]
        mine = [row[1:] for row in rows if row[0] == number]
        assert [row[:2] for row in mine] == acts, f"{number}: what was committed is what is in the outbox"
        last_undone = max((nth for nth, (kind, _) in enumerate(acts) if kind in UNDOING), default=-1)
        for nth, (kind, _, state, *why) in enumerate(mine):
            if kind in UNDOING:
                assert state in ("sent", "cancelled", "not_reportable"), (number, kind, state, why)
            elif kind == Kind.REJECTED and nth < last_undone:
                assert state in ("cancelled", "withdrawn"), (number, kind, state, why)
            else:
                assert state == "sent", (number, kind, state, why)
        there = [(action, int(at)) for application, action, at in stored if application == number]
        reported = [(ACTIONS[Kind(kind)], at) for kind, at, state, *_ in mine if state in ("sent", "withdrawn")
                    and kind not in UNDOING]  # fmt: skip
        wrong = f"; not there: {Counter(reported) - Counter(there)}, too often: {Counter(there) - Counter(reported)}"
        assert there == reported, f"{number}: each is on the board exactly once and in order{wrong}"
        withdrawn = {at for kind, at, state, *_ in mine if state == "withdrawn"}
        assert not [at for application, at in live if application == number and at in withdrawn], "no trace is left"
