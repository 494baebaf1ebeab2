// Makes the control page's buttons call its own API, lets the clock tick, and keeps what it shows fresh.
"use strict";

(() => {
  const list = document.getElementById("list");
  const said = document.getElementById("said");
  const hands = document.getElementById("now");
  const state = document.getElementById("state");
  const stop = document.getElementById("stop");
  const filter = document.getElementById("filter");
  const open = list.querySelector("[aria-current]")?.dataset.number;
  let ahead = 0;

  function show(clock) {
    ahead = Date.parse(clock.now) - Date.now();
    hands.dateTime = clock.now;
    hands.dataset.stopped = clock.stopped ? "yes" : "no";
    state.textContent = clock.stopped ? "UTC, stopped" : "UTC";
    stop.textContent = clock.stopped ? "Let it run" : "Stop";
    stop.dataset.call = `POST /clock/${clock.stopped ? "run" : "freeze"}`;
    tick();
  }

  function tick() {
    const now = hands.dataset.stopped === "yes" ? new Date(hands.dateTime) : new Date(Date.now() + ahead);
    hands.textContent = now.toISOString().slice(0, 19).replace("T", " ");
  }

  function say(text, wrong) {
    said.textContent = text;
    said.classList.toggle("wrong", Boolean(wrong));
  }

  // One after another, and one pressed twice is called once. Nothing is disabled and the focus is left alone meanwhile:
  // whoever works by keyboard has long gone on.
  const waiting = new Set();
  let last = Promise.resolve();

  function call(line, body) {
    const key = `${line} ${body ?? ""}`;
    if (waiting.has(key)) return;
    waiting.add(key);
    document.body.setAttribute("aria-busy", "true");
    last = last.then(() => ask(line, body)).finally(() => {
      waiting.delete(key);
      if (!waiting.size) document.body.removeAttribute("aria-busy");
    });
  }

  async function ask(line, body) {
    const [method, path] = line.split(" ");
    try {
      const answer = await fetch(path, { method, body });
      const told = answer.status === 204 ? {} : await answer.json();
      if (!answer.ok) {
        say(told.message, true);
      } else if (path.startsWith("/clock")) {
        show(told);
        const times = told.moments === 1 ? "once" : `${told.moments} times`;
        say(told.ready ? `Ready: something fell due ${told.moments ? times : "never"} on the way.` : "The clock runs.");
        refresh();
      } else if (path === "/reset") {
        location.assign("/");
      } else {
        say("Done.");
        refresh();
      }
    } catch {
      say("The sandbox does not answer: is it still running?", true);
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.call) call(button.dataset.call, button.dataset.body);
    if (button?.dataset.copy) {
      const text = document.getElementById(button.dataset.copy).textContent;
      navigator.clipboard.writeText(text).then(() => say("Copied."), () => say("The browser did not allow it.", true));
    }
  });
  document.getElementById("by").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = document.getElementById("by-time").value.trim();
    call("POST /clock/advance", JSON.stringify(/^[0-9]{4}-/.test(given) ? { to: given } : { by: given }));
  });
  document.getElementById("fault")?.addEventListener("submit", (event) => {
    event.preventDefault();
    call("POST /faults", document.getElementById("rule").value);
  });
  filter.classList.add("scripted");
  filter.elements.status.addEventListener("change", () => filter.submit());

  function put(part, now) {
    const numbers = (within) => Array.from(within.querySelectorAll("[data-number]"), (link) => link.dataset.number);
    const known = new Set(numbers(part));
    const key = ({ dataset }) => dataset?.number ?? (dataset?.call ?? "") + (dataset?.body ?? "");
    const focused = part.contains(document.activeElement) && key(document.activeElement);
    part.replaceChildren(...now.childNodes);
    for (const each of part.querySelectorAll("a, button")) {
      if (each.dataset.number === open && open) each.setAttribute("aria-current", "page");
      if (each.dataset.number && !known.has(each.dataset.number)) each.classList.add("new");
      if (focused && key(each) === focused) each.focus({ preventScroll: true });
    }
  }

  let busy = false;
  let again = false;
  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const headers = { accept: "text/html" };
      let answer = await fetch(location.href, { headers });
      // The journal may have forgotten the entry that is open; the list has changed all the same.
      if (answer.status === 404) answer = await fetch(`/${location.search}`, { headers });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const now = fresh.getElementById(part.id);
        if (now && now.innerHTML !== part.innerHTML) put(part, now);
      }
    } finally {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }
  }

  async function look() {
    show(await (await fetch("/clock")).json());
    refresh();
  }
  const stream = new EventSource("/live");
  stream.addEventListener("changed", (event) => {
    show(JSON.parse(event.data));
    refresh();
  });
  // Something may have come before the stream was open, or while the sandbox was restarted.
  stream.addEventListener("listening", look);
  show({ now: hands.dateTime, stopped: hands.dataset.stopped === "yes" });
  setInterval(tick, 1000);
})();
