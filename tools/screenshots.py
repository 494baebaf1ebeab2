"""Makes the README's picture from the real thing: runs the demo, reports to it, photographs a mail and two pages.

Run by hand after the pages changed: `.venv/bin/python -m tools.screenshots`. Needs Chromium.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from unghost.clock import SystemClock
from unghost.wire.lifecycle import milliseconds

FOLDER = Path(__file__).parents[1] / "docs" / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
#: Pixels of a photographed window.
WIDTH, HEIGHT = 600, 760
_FRAME = """<!doctype html><style>
body {{ margin: 0; padding: 28px; display: flex; gap: 28px; background: {ground}; width: max-content }}
figure {{ margin: 0; font: 500 14px/1 sans-serif; color: {ink} }}
figcaption {{ padding: 0 2px 12px }}
img {{ display: block; width: {width}px; border-radius: 10px; box-shadow: 0 1px 3px #0004, 0 8px 30px #0002 }}
</style>{figures}"""


def main() -> None:
    """Write docs/images/told-light.png and told-dark.png."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium: install Debian's package chromium")
    FOLDER.mkdir(exist_ok=True)
    with _demo() as demo, sync_playwright() as playwright:
        _play(demo)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            path = FOLDER / f"told-{scheme}.png"
            path.write_bytes(_picture(browser, demo, scheme))
            print(f"wrote docs/images/{path.name}, {path.stat().st_size // 1024} KB")
        browser.close()


@contextmanager
def _demo() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "unghost", "demo", "--json", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _play(demo: dict[str, Any]) -> None:
    """Be the recruiter: open an application, then its résumé."""
    form = {key: demo[key] for key in ("client_id", "client_secret")} | {"grant_type": "client_credentials"}
    token = _sent(f"{demo['base_url']}/oauth/v2/accessToken", urllib.parse.urlencode(form).encode())["access_token"]
    now = milliseconds(SystemClock().now())
    for action, ago in (("APPLICATION_VIEWED", 95), ("RESUME_DOWNLOADED", 2)):
        report = {
            "jobApplicationId": demo["applications"][1],
            "action": action,
            "performedAt": now - ago * 60_000,
            "integrationContext": demo["organization"],
        }
        _sent(f"{demo['base_url']}/v2/jobApplicationLifecycleActions", json.dumps(report).encode(), token)


def _sent(url: str, body: bytes, token: str | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  (the demo's own address)
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        read: dict[str, Any] = json.loads(answer.read() or b"{}")
        return read


def _mail(demo: dict[str, Any]) -> str:
    """The HTML of the mail that says "viewed", once it is in the inbox."""
    request = urllib.request.Request(demo["inbox_url"], headers={"Accept": "application/json"})  # noqa: S310
    while True:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            for mail in json.loads(answer.read()):
                if "viewed" in mail["subject"]:
                    return str(mail["html"])


def _picture(browser: Browser, demo: dict[str, Any], scheme: Any) -> bytes:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, locale="en-GB", device_scale_factor=1.5
    )
    page = context.new_page()
    page.set_content(_mail(demo))
    mail = page.screenshot()
    page.goto(demo["applicant_login_url"])
    figures = _figure("the mail", mail) + _figure("the page, which changed by itself", page.screenshot())
    ground, ink = ("#e9e7e1", "#44403a") if scheme == "light" else ("#0c0c0b", "#b9b4aa")
    page = context.new_page()  # the board's page forbids pictures from elsewhere, even once it is gone
    page.set_viewport_size({"width": 2 * WIDTH + 84, "height": HEIGHT})
    page.set_content(_FRAME.format(ground=ground, ink=ink, width=WIDTH, figures=figures))
    picture = page.screenshot(full_page=True, scale="css")
    context.close()
    return picture


def _figure(caption: str, image: bytes) -> str:
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return f"<figure><figcaption>{caption}</figcaption><img src='{source}'></figure>"


if __name__ == "__main__":
    main()
