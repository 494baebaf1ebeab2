"""The settings page of a pretend ATS, on an origin of its own: embeds the consent widget by one tag, as an ATS would.

Shows what the callback received (spec R26). Must not know anything of the job board but its address.
"""

from __future__ import annotations

from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Integrations · Tern, a pretend ATS</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --ground: #f1f3f8; --sheet: #ffffff; --ink: #1b2233; --soft: #4f5a70;
  --line: #d5dbe7; --accent: #2f4a9e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ground: #10131a; --sheet: #181c26; --ink: #e6e9f2; --soft: #a4aec3;
  --line: #2c3344; --accent: #9fb4f5; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: break-word;
  font: 1rem/1.55 system-ui, "Liberation Sans", sans-serif; }}
header {{ background: var(--sheet); border-bottom: 1px solid var(--line); padding: 0.875rem 1.25rem; }}
header b {{ color: var(--accent); margin-right: 0.75rem; }}
main {{ max-width: 62rem; margin: auto; padding: 1.5rem 1.25rem 4rem; display: grid; gap: 1.5rem 2.5rem; }}
@media (min-width: 58rem) {{ main {{ grid-template-columns: minmax(0, 34rem) minmax(0, 1fr); }} }}
h1 {{ font-size: 1.5rem; line-height: 1.2; margin: 0 0 0.5rem; }} h2 {{ font-size: 1rem; margin: 0 0 0.5rem; }}
p {{ margin: 0 0 1rem; color: var(--soft); }} section {{ min-width: 0; }}
pre {{ margin: 0 0 1.5rem; padding: 0.875rem 1rem; background: var(--sheet); border: 1px solid var(--line);
  font: 0.8125rem/1.5 ui-monospace, "Liberation Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
<script>
function onIntegrate(given) {{
  document.getElementById("received").textContent = JSON.stringify(given, null, 2);
}}
</script>
</head>
<body>
<header><b>Tern</b>Settings · Integrations</header>
<main>
<section>
<h1>Job board</h1>
<p>Tern is a pretend applicant tracking system. What stands below comes from the job board and is embedded by one
tag.</p>
{tag}
</section>
<section aria-live="polite">
<h2>What Tern received</h2>
<p>The callback is called each time the widget is saved. Tern sends the <code>integrationContext</code> with its
reports.</p>
<pre id="received" tabindex="0" aria-label="What Tern received">Nothing yet.</pre>
<h2>The tag</h2>
<pre tabindex="0" aria-label="The tag">{shown}</pre>
</section>
</main>
</body>
</html>
"""


def create(board: str, client_id: str) -> Starlette:
    """The pretend ATS, with the widget of the board at `board` for the child application `client_id`."""
    address = f"{board.rstrip('/')}/consent/widget.js"
    tag = (
        f'<script src="{escape(address)}" data-client-id="{escape(client_id)}"\n'
        '  data-on-integrate="onIntegrate" data-width="540" async></script>'
    )
    page = _PAGE.format(tag=tag, shown=escape(tag))

    async def settings(request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"cache-control": "no-store"})

    return Starlette(routes=[Route("/", settings)])
