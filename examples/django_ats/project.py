"""Django's settings, made from the environment; a project of its own has them in settings.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..settings import Settings, SettingsError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def create(given: Settings) -> WSGIApplication:
    """The whole application, its database migrated and the customer's row there."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    settings.configure(
        SECRET_KEY=given.secret_key,
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": _database(given.database_url)},
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "unghost.ats.integrations.django",  # its migration makes unghost's tables
            __package__,
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SESSION_COOKIE_NAME="curlew",
        CSRF_COOKIE_NAME="curlew_csrf",
        CSRF_FAILURE_VIEW=f"{__package__}.views.forged",
        ROOT_URLCONF=f"{__package__}.urls",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.messages.context_processors.messages",
                        f"{__package__}.views.shared",
                    ]
                },
            }
        ],
        USE_TZ=True,
        TIME_ZONE="UTC",
        CURLEW=given,
    )
    django.setup()
    call_command("migrate", verbosity=0)

    from unghost.ats.integrations.django.models import Customer

    credentials = {"client_id": given.client_id, "client_secret": "env:CLIENT_SECRET"}
    Customer.objects.update_or_create(
        destination=given.destination, organization=given.organization, defaults=credentials
    )
    application: WSGIApplication = get_wsgi_application()
    return application


def _database(url: str) -> dict[str, Any]:
    """A database's URL as Django wants it. Raises `SettingsError`."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        # As it comes, SQLite lets two requests read the same and only one of them write.
        options = {"transaction_mode": "IMMEDIATE"}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path.removeprefix("/"), "OPTIONS": options}
    if parts.scheme not in ("postgresql", "postgres"):
        raise SettingsError(f"DATABASE_URL begins with {parts.scheme}: give sqlite:///FILE or postgresql://…")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", parts.port or ""),
        "OPTIONS": query,
    }
