"""The ways to tell applicants something, by place. A new channel is one file and a line in `open_channels`.

Must not ask whether a notice may be told: `deliver` has asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from unghost.jobboard.channels.email import Email
from unghost.jobboard.channels.live import Live
from unghost.jobboard.letter import Letter
from unghost.jobboard.mail import Mails
from unghost.jobboard.rules.policy import Place
from unghost.jobboard.settings import Settings
from unghost.outbox import Outcome


class Channel(Protocol):
    """Carries one kind of notice."""

    @property
    def slots(self) -> int:
        """How many it carries at the same time."""
        ...

    async def tell(self, letter: Letter, now: datetime) -> Outcome:
        """Try once to make it reach the applicant. May be cancelled at any moment."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


def open_channels(settings: Settings, mails: Mails) -> Mapping[Place, Channel]:
    """The channel of each place. Without a mail server there is none for EMAIL: its notices wait."""
    live = Live()
    channels: dict[Place, Channel] = {Place.JOB_POSTING: live, Place.MY_JOBS: live}
    if settings.smtp_url is not None:
        channels[Place.EMAIL] = Email(settings, mails)
    return channels
