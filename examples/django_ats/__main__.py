"""`python -m examples.django_ats`."""

from __future__ import annotations

from collections.abc import Sequence

from ..serve import main as serve
from .project import create


def main(argv: Sequence[str] | None = None) -> int:
    """Run it until SIGTERM or Ctrl-C."""
    return serve(str(__package__), create, argv)


if __name__ == "__main__":
    raise SystemExit(main())
