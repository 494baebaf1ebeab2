"""A database that goes away and comes back is survived without a restart (spec R4, R12, R40)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import world as w
from tests.jobboard.board_server import serving
from tests.jobboard.partner_api.conftest import Partner
from tests.sandbox.running import wait_for
from unghost.postgres import Embedded, connect, migrate

pytestmark = pytest.mark.anyio


async def test_while_the_database_is_away_all_is_answered_503_and_afterwards_all_works_again(tmp_path: Path) -> None:
    server = Embedded(tmp_path / "data")
    url = server.start()
    try:
        migrate(url)
        async with await connect(url) as connection:
            world = await w.make_world(connection, datetime.now(UTC))
        with serving(url, tmp_path / "board") as board:
            partner = Partner(board, world)
            partner.token = partner.fetch_token().json["access_token"]
            first = partner.post(partner.body())
            assert first.status == 201

            server.stop()
            refused = partner.post(partner.body(action="RESUME_DOWNLOADED"))
            assert (refused.status, refused.json["code"]) == (503, "UNAVAILABLE")
            assert refused.headers["retry-after"] == "1"
            assert board.ask("GET", "/readyz").status == 503
            assert board.ask("GET", "/healthz").status == 200
            assert board.ask("GET", "/metrics").status == 200
            page = board.ask("GET", "/jobs", key=None)
            assert (page.status, b"<html" in page.body) == (503, True)
            assert board.ask("GET", f"/board/v1/customers/{w.ORGANIZATION}").json["status"] == 503

            assert server.start() == url
            wait_for(lambda: board.ask("GET", "/readyz").status == 200)
            assert partner.post(partner.body(action="RESUME_DOWNLOADED")).status == 201
            assert partner.post(partner.body()).headers["x-restli-id"] == first.headers["x-restli-id"]
    finally:
        server.stop()
