"""Django on the databases of the tests: one project, whose connections lead where the test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from django.conf import settings
from sqlalchemy.engine import make_url

from tests.ats.conftest import AtsDatabase

ENGINES = {"postgresql": "postgresql", "mysql": "mysql", "sqlite": "sqlite3"}


def setup() -> None:
    """Configure Django, once in a process."""
    if settings.configured:
        return
    pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks for mysqlclient's number
    pymysql.install_as_MySQLdb()
    settings.configure(
        SECRET_KEY="of the tests",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.ats.django_urls",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "unghost.ats.integrations.django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    import django

    django.setup()


@contextmanager
def connected(**databases: AtsDatabase) -> Iterator[None]:
    """While it lasts, Django's connections of these names lead to these databases."""
    from django.db import connections

    before = connections.settings
    _forget(connections)
    connections.settings = connections.configure_settings({name: _settings(one) for name, one in databases.items()})
    try:
        yield
    finally:
        _forget(connections)
        connections.settings = before


def _forget(connections: Any) -> None:
    for name in list(connections):
        if hasattr(connections._connections, name):
            connections[name].close()
            del connections[name]


def _settings(database: AtsDatabase) -> dict[str, Any]:
    url = make_url(database.url)
    found: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{ENGINES[database.dialect]}",
        "NAME": url.database,
        "USER": url.username,
    }
    query = dict(url.query)
    if database.dialect == "postgresql":
        found |= {"HOST": url.host or query.get("host", ""), "PORT": url.port or query.get("port", "")}
        found["PASSWORD"] = url.password or ""
    if database.dialect == "mysql":
        found["OPTIONS"] = query
    return found
