"""For those who run it: is it alive, is it ready, what does it measure (spec R41)."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard import metrics
from unghost.jobboard.store import watching
from unghost.jobboard.web.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """`/healthz` (the process answers), `/readyz` (it can do its work), `/metrics`."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        try:
            async with services.pool.connection(timeout=2) as connection:
                await watching.ping(connection)
        except (psycopg.OperationalError, PoolTimeout):
            return JSONResponse({"status": "unready", "why": "the database cannot be reached"}, 503)
        if services.acceptor.waiting >= services.settings.queue_limit:
            return JSONResponse({"status": "unready", "why": "the queue of reports is full"}, 503)
        return JSONResponse({"status": "ready"})

    async def measured(request: Request) -> Response:
        gauges = {"unghost_reports_waiting": ("Reports waiting for a commit.", float(services.acceptor.waiting))}
        try:
            async with services.pool.connection(timeout=2) as connection:
                due, oldest = await watching.due(connection, services.clock.now())
                deliveries, blocked = await watching.webhooks(connection, services.clock.now())
            gauges["unghost_notices_due"] = ("Notices that are due and not told yet.", float(due))
            gauges["unghost_oldest_due_seconds"] = ("How long the oldest of them has been due.", oldest)
            gauges["unghost_deliveries_due"] = ("Applications that are due at a webhook.", float(deliveries))
            gauges["unghost_webhooks_blocked"] = ("Webhooks that failed their challenge three times.", float(blocked))
        except (psycopg.OperationalError, PoolTimeout):
            pass  # the scrape still gets what this process knows; readyz says that the database is gone
        return Response(metrics.exposition(gauges), headers={"Content-Type": metrics.CONTENT_TYPE})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", measured)]
