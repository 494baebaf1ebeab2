"""LinkedIn itself, when credentials are given (spec R35): only settings differ from any other destination.

UNGHOST_LINKEDIN_CLIENT_ID and UNGHOST_LINKEDIN_CLIENT_SECRET: a child application's; UNGHOST_LINKEDIN_ORGANIZATION:
its customer's number. It reports about an application that does not exist, so that nobody is told anything.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from unghost.ats.activity import milliseconds
from unghost.ats.destinations import Closed, Report, Token, open_destination
from unghost.ats.settings import LINKEDIN, LINKEDIN_TOKENS, DestinationSettings
from unghost.outbox import GiveUp

NAMES = ("UNGHOST_LINKEDIN_CLIENT_ID", "UNGHOST_LINKEDIN_CLIENT_SECRET", "UNGHOST_LINKEDIN_ORGANIZATION")
GIVEN = [os.environ.get(name, "") for name in NAMES]


@pytest.mark.skipif(not all(GIVEN), reason=f"LinkedIn is not asked: {', '.join(NAMES)} are not given")
def test_linkedin_gives_a_token_and_judges_a_report() -> None:
    client_id, client_secret, organization = GIVEN

    async def run() -> None:
        linkedin = open_destination(
            DestinationSettings(name="linkedin", kind="linkedin", base_url=LINKEDIN, token_url=LINKEDIN_TOKENS)
        )
        try:
            token = await linkedin.token(client_id, client_secret)
            assert isinstance(token, Token), token
            report = Report(2**62, "APPLICATION_VIEWED", milliseconds(datetime.now(UTC)), int(organization))
            [verdict] = await linkedin.report(token.access_token, [report])
            assert isinstance(verdict, GiveUp | Closed), "an application that does not exist is refused"
            if isinstance(verdict, Closed):
                assert not verdict.token, "the token is taken"
        finally:
            await linkedin.close()

    asyncio.run(run())
