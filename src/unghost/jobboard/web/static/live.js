// Keeps an open page right: on each event it reads the page again and exchanges the regions [data-live].
"use strict";
(() => {
  const said = document.getElementById("live-said");
  if (!said || !document.querySelector("[data-live]")) return;
  let source = null, busy = false, again = false;
  function exchange(old, fresh) {
    const before = new Map([...old.querySelectorAll("[data-said]")].map((part) => [part.id, part.innerHTML]));
    const changed = [...fresh.querySelectorAll("[data-said]")].filter((part) => before.get(part.id) !== part.innerHTML);
    if (!changed.length && before.size === fresh.querySelectorAll("[data-said]").length) return;
    const focused = old.contains(document.activeElement) && document.activeElement.id;
    old.replaceChildren(...fresh.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    said.textContent = changed.map((part) => part.dataset.said).join(". ");
    for (const part of changed) part.classList.add("is-fresh");
    setTimeout(() => changed.forEach((part) => part.classList.remove("is-fresh")), 4000);
  }
  async function look() {
    if (busy) return void (again = true);
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.status >= 500) throw answer;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.redirected || !page.getElementById("live-said")) return location.reload();  // signed out, or erased
      for (const old of document.querySelectorAll("[data-live]")) {
        exchange(old, page.querySelector(`[data-live="${old.dataset.live}"]`) ?? old);
      }
    } catch { setTimeout(look, 2000); } finally { busy = false; }  // away for a moment
    if (again) { again = false; look(); }
  }
  function follow() {  // a hidden page holds no connection; it looks again once it is seen
    if (document.hidden || source) return document.hidden && (source = void source?.close());
    source = new EventSource("/live");
    source.addEventListener("changed", look);
    source.addEventListener("superseded", () => source?.close());
  }
  document.addEventListener("visibilitychange", follow);
  follow();
})();
