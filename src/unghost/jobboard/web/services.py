"""What the web modules are given to work with, made once per process; each offers `routes(services)`."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from unghost.clock import Clock
from unghost.jobboard.accept import Acceptor
from unghost.jobboard.client_secrets import ClientSecrets
from unghost.jobboard.erase import Eraser
from unghost.jobboard.links import Links
from unghost.jobboard.rules.policy import Policy
from unghost.jobboard.settings import Settings
from unghost.jobboard.tombstones import Tombstones
from unghost.jobboard.web.access import Access
from unghost.jobboard.web.allowance import Allowance
from unghost.jobboard.web.live import LiveHub
from unghost.jobboard.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts that handlers share."""

    settings: Settings
    clock: Clock
    policy: Policy
    pool: AsyncConnectionPool
    links: Links
    client_secrets: ClientSecrets
    tombstones: Tombstones
    eraser: Eraser
    wording: Wording
    access: Access
    #: None: child applications may report as much as they like.
    allowance: Allowance | None
    acceptor: Acceptor
    live: LiveHub
