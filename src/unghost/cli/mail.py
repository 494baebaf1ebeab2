"""`unghost mail render`: looks at a mail without sending one (spec R21)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from unghost.cli.frame import HERE, Where, Wrong, out

mail = App(name="mail", help="Look at mails.")

_KINDS = (".html", ".txt", ".eml")


@mail.command
def render(
    action: Annotated[str, Parameter(help="APPLICATION_SUBMITTED, APPLICATION_VIEWED, APPLICATION_REJECTED, …")],
    *,
    to: Annotated[Path, Parameter(help="The file to write: .html, .txt, or .eml for the whole mail.")],
    language: Annotated[str, Parameter(help="The applicant's language.")] = "en",
    where: Where = HERE,
) -> int:
    """Render a mail with invented facts into a file, as an applicant would get it."""
    from unghost.jobboard import wording
    from unghost.jobboard.mail import render_sample
    from unghost.jobboard.rules.policy import DEFAULT

    if to.suffix not in _KINDS:
        raise Wrong(f"--to is {str(to)!r}: give a file that ends in {', '.join(_KINDS)}")
    if action not in DEFAULT:
        raise Wrong(f"action is {action!r}: the policy knows {', '.join(DEFAULT)}")
    languages = wording.load().languages
    if language not in languages:
        raise Wrong(f"--language is {language!r}: mails are written in {', '.join(languages)}")
    settings = where.settings()
    if to.suffix == ".eml":
        content = _message(action, language, where)
    else:
        rendered = render_sample(action, language, settings)
        content = (rendered.html if to.suffix == ".html" else rendered.text).encode()
    try:
        to.write_bytes(content)
    except OSError as error:
        raise Wrong(f"--to {str(to)!r} cannot be written: {error.strerror}") from None
    out().print(f"wrote {to}, {len(content)} bytes", soft_wrap=True)
    return 0


def _message(action: str, language: str, where: Where) -> bytes:
    from unghost.clock import SystemClock
    from unghost.jobboard import wording
    from unghost.jobboard.links import Links, secret_key
    from unghost.jobboard.mail import Letter, Mails

    settings, now = where.settings(), SystemClock().now()
    letter = Letter(
        action_id=1,
        action=action,
        applicant_id=1,
        name="Amina Okafor",
        email="amina@example.org",
        language=language,
        time_zone="Europe/Berlin",
        company="Hollis & Marr",
        job="Data Engineer (m/f/d)",
        submitted_at=now - timedelta(days=3),
        performed_at=now,
    )
    key = secret_key(settings.secret_key, settings.data_dir)
    return Mails(settings, Links(key), wording.load()).compose(letter, now).content
