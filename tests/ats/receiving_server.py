"""An ATS's server in a process of its own: one view of the webhook, mounted as the howto shows, on a free port.

python receiving_server.py VIEW DATABASE_URL: prints its port. A candidate named Fehler cannot be made.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from unghost.ats.application import ReceivedApplication

CANDIDATE = text("INSERT INTO candidates (id, name) VALUES (:id, :name)")


def candidate(application: ReceivedApplication) -> dict[str, Any]:
    return {"id": f"C-{application.number}", "name": application.name}


def stop_at(application: ReceivedApplication) -> None:
    if application.last_name == "Fehler":
        raise RuntimeError(f"no candidate for {application.email}")


def on_application(application: ReceivedApplication, session: Any) -> str:
    row = candidate(application)
    session.execute(CANDIDATE, row)
    stop_at(application)
    return str(row["id"])


async def on_application_async(application: ReceivedApplication, session: Any) -> str:
    row = candidate(application)
    await session.execute(CANDIDATE, row)
    stop_at(application)
    return str(row["id"])


def on_application_django(application: ReceivedApplication, connection: Any) -> str:
    row = candidate(application)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO candidates (id, name) VALUES (%s, %s)", [row["id"], row["name"]])
    stop_at(application)
    return str(row["id"])


def serve_wsgi(app: Any) -> None:
    from socketserver import ThreadingMixIn

    class Threaded(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 64

    with make_server("127.0.0.1", 0, app, Threaded) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


def serve_asgi(app: Any) -> None:
    import socket

    import uvicorn

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            print(listening.getsockname()[1], flush=True)
            await uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning")).serve(sockets=[listening])

    asyncio.run(run())


def django_app(url: str) -> Any:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    from unghost.ats.integrations.django_webhook import webhook_view

    parts = make_url(url)
    engine = "postgresql" if parts.drivername.startswith("postgresql") else "sqlite3"
    host = parts.query.get("host", parts.host)
    own = {"NAME": parts.database, "USER": parts.username, "PASSWORD": parts.password, "HOST": host, "PORT": parts.port}
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": f"django.db.backends.{engine}", **{k: v for k, v in own.items() if v}}},
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    )
    django.setup()
    view = webhook_view(on_application_django)
    globals()["urlpatterns"] = [path("ats/webhook/<str:destination>/<str:organization>", view)]
    return get_wsgi_application()


def main(view: str, url: str) -> None:
    if view == "wsgi":
        from unghost.ats.integrations import wsgi

        serve_wsgi(wsgi.webhook_app(sessionmaker(create_engine(url)), on_application))
    elif view == "asgi":
        from unghost.ats.integrations import asgi

        serve_asgi(asgi.webhook_app(sessionmaker(create_engine(url)), on_application))
    elif view == "asgi_async":
        from unghost.ats.integrations import asgi

        serve_asgi(asgi.webhook_app(async_sessionmaker(create_async_engine(url)), on_application_async))
    else:
        serve_wsgi(django_app(url))


if __name__ == "__main__":
    main(*sys.argv[1:])
