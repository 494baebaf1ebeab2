"""Where Chromium is, and the one way to say that it is not: the run's last lines count by it."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium is not installed"


def chromium() -> str | None:
    """The program, for Playwright's `executable_path`."""
    return next(filter(None, map(shutil.which, NAMES)), None)
