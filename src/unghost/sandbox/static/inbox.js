// Keeps the list fresh: when a mail has come the list alone is fetched anew, never the page.
"use strict";

(() => {
  const list = document.getElementById("list");
  const heard = document.getElementById("heard");
  const whose = document.getElementById("to");
  const current = new URLSearchParams(location.search).get("to") || "";
  let busy = false;
  let again = false;

  whose.form.classList.add("scripted");
  whose.addEventListener("change", () => whose.form.submit());
  const open = list.querySelector("[aria-current]")?.dataset.number;

  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const known = new Set(Array.from(list.querySelectorAll("[data-number]"), (a) => a.dataset.number));
      const query = new URLSearchParams({ part: "list", ...(current && { to: current }) });
      const answer = await fetch(`/?${query}`, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const focused = document.activeElement?.dataset?.number;
      list.innerHTML = await answer.text();
      for (const link of list.querySelectorAll("[data-number]")) {
        if (link.dataset.number === open) link.setAttribute("aria-current", "page");
        if (!known.has(link.dataset.number)) link.classList.add("new");
        if (link.dataset.number === focused) link.focus({ preventScroll: true });
      }
      const fresh = list.querySelectorAll(".new").length;
      if (fresh) heard.textContent = fresh === 1 ? "A new mail has come" : `${fresh} new mails have come`;
    } finally {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  const stream = new EventSource("/live");
  stream.addEventListener("mail", refresh);
  // Something may have come before the stream was open, or while the inbox was restarted.
  stream.addEventListener("listening", refresh);
})();
