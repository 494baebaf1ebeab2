/* Shows applicants their own status on the job board's own site (docs/howto/show-status-on-your-site.md).

   <script src="https://unghost.board.example/status/v1.js" data-token-url="/unghost-token" async></script>
   <unghost-status organization="12345" job="job-7">shown until there is a status</unghost-status>
   <unghost-applications job-link="/jobs/{job}">shown until there is a list</unghost-applications>

   The token goes to the board in a header, never into an address; no cookie is sent or kept. */
(() => {
  "use strict";
  const complain = (sentence) => console.error("unghost-status: " + sentence);
  const script = document.currentScript;
  if (!script) return complain("include the script by a plain script tag, not as a module.");
  if (customElements.get("unghost-status")) return;
  const board = new URL("v1/", script.src), present = new Set(), sheet = new CSSStyleSheet();
  sheet.replaceSync("STYLES");
  let trusted = { createHTML: (html) => html };
  try {
    trusted = window.trustedTypes?.createPolicy("unghost", trusted) ?? trusted;
  } catch {
    return complain("let the page's policy (trusted-types) allow unghost.");
  }

  let token = null, refused = false; // a promise of the token, or of null: nobody is signed in
  let visit = 0, stream = null, looking = false, again = false, failed = 0;
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
  const pause = () => new Promise((go) => setTimeout(go, Math.random() * Math.min(1000 * 2 ** ++failed, 15000)));

  async function ask() {
    const address = script.dataset.tokenUrl;
    let given;
    tell("unghost-token", { answer: (value) => (given = value) });
    if (given === undefined && address) {
      const answer = await fetch(address, { cache: "no-store", credentials: "same-origin" });
      if (answer.status >= 500) throw answer;
      given = answer.ok ? answer.text() : null;
    } else if (given === undefined) {
      complain("nobody gives a token. Give the script data-token-url, or answer unghost-token and send unghost-refresh.");
    }
    const word = String((await given) ?? "").trim();
    return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(word) ? word : null; // a page to sign in is no token
  }

  // The board's answer, or null if there is nothing to show; throws what trying again may mend.
  async function call(path, signal) {
    for (let renewed = false; !refused; renewed = true) {
      const used = (token ??= ask()), word = await used.catch((error) => {
        if (token === used) token = null;
        throw error;
      });
      if (!word) return null;
      const headers = { authorization: "Bearer " + word };
      const answer = await fetch(new URL(path, board), { headers, signal, cache: "no-store", credentials: "omit" });
      if (answer.ok) return answer.status === 204 ? null : answer;
      if (answer.status >= 500) throw answer;
      const { code, message } = await answer.json();
      if (answer.status !== 401) {
        if (!refused) complain(message + ".");
        refused ||= answer.status === 403;
        return null;
      }
      if (token === used) {
        token = renewed ? Promise.resolve(null) : null;
        if (renewed && code !== "EXPIRED_TOKEN") complain(message + ".");
        if (renewed) tell("unghost-token-expired", { code, message });
      }
      if (renewed) return null;
    }
    return null;
  }

  async function look() {
    if (looking) return void (again = true);
    looking = true;
    await null; // until every element of the page is there
    do {
      again = false;
      try {
        const said = await Promise.all([...present].map((element) => element.look()));
        const news = [...new Set(said.flat())].join(". "), [speaker] = present;
        if (news && speaker) speaker.said.textContent = news; // once for the whole page
        failed = 0;
      } catch {
        await pause(); // away for a moment
        again = !document.hidden;
      }
    } while (again);
    looking = false;
  }

  // One stream for all elements: a hidden page has none, and one without elements neither.
  function follow() {
    if (document.hidden || !present.size) return void (stream = stream?.abort());
    look();
    if (!stream) listen((stream = new AbortController()));
  }

  async function listen(own) {
    while (stream === own) {
      let silent, rest = "";
      try {
        const answer = await call("live", own.signal);
        if (!answer) return void look();
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = {}; !part.done; part = await reader.read()) {
          clearTimeout(silent); // the board says something every 15 seconds
          silent = setTimeout(() => reader.cancel(), 40000);
          const lines = (rest + (part.value ?? "")).split(/\r?\n/);
          rest = lines.pop();
          if (lines.includes("event: superseded")) return;
          if (lines.includes("event: changed")) look();
        }
      } catch {} // broken off: it is opened again
      clearTimeout(silent);
      if (stream === own) await pause();
    }
  }

  function renew() {
    stream = stream?.abort();
    token = null;
    refused = false;
    follow();
  }

  class Shown extends HTMLElement {
    #body = document.createElement("div");
    #html = "";
    #visit = null;

    constructor() {
      super();
      this.said = document.createElement("p");
      this.said.role = "status";
      this.said.className = "visually-hidden";
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      root.append(document.createElement("slot"), this.#body, this.said);
    }

    connectedCallback() {
      present.add(this);
      follow();
    }

    disconnectedCallback() {
      present.delete(this);
      follow();
    }

    attributeChangedCallback() {
      if (this.isConnected) follow();
    }

    // Shows what the board says now; gives the sentences that are news.
    async look() {
      const path = this.path, asked = visit;
      const answer = await call(path), html = answer ? await answer.text() : "";
      if (asked !== visit || path !== this.path) return [];
      const body = this.#body, root = this.shadowRoot, focused = root.activeElement?.id;
      const parts = () => [...body.querySelectorAll("[data-said]")];
      const first = this.#visit !== visit, before = new Map(parts().map((part) => [part.id, part.innerHTML]));
      this.#visit = visit;
      if (html === this.#html) return [];
      this.#html = html;
      body.innerHTML = trusted.createHTML(html);
      root.querySelector("slot").hidden = !!html;
      this.toggleAttribute("shown", !!html);
      const link = this.getAttribute("job-link");
      for (const a of link ? body.querySelectorAll("[data-job]") : []) {
        a.href = link.replace(/{(organization|job)}/g, (_, name) => encodeURIComponent(a.dataset[name]));
      }
      if (focused) root.getElementById(focused)?.focus({ preventScroll: true });
      const fresh = first ? [] : parts().filter((part) => before.get(part.id) !== part.innerHTML);
      for (const part of fresh) part.classList.add("is-fresh");
      setTimeout(() => fresh.forEach((part) => part.classList.remove("is-fresh")), 4000);
      return fresh.map((part) => part.dataset.said);
    }
  }

  customElements.define("unghost-status", class extends Shown {
    static observedAttributes = ["organization", "job"];
    get path() {
      return "jobs/" + ["organization", "job"].map((name) => encodeURIComponent(this.getAttribute(name) ?? "")).join("/");
    }
  });
  customElements.define("unghost-applications", class extends Shown {
    path = "applications";
  });
  document.addEventListener("unghost-refresh", () => renew(visit++)); // somebody else may be signed in
  document.addEventListener("visibilitychange", () => (document.hidden ? follow() : renew()));
})();
