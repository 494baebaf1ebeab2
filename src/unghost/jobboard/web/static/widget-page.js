/* The consent widget's pages: height and news to the ATS's page, saving in place, the window of the board's own.
   At top level the pages work without it. */
(function () {
  "use strict";
  const { here, parent: parentOrigin, remedy, signedOut } = (document.querySelector("#visit") || document.body).dataset;
  const framed = window.parent !== window;
  const channel = new BroadcastChannel("unghost-admin");
  let opened = null; // the board's own window, where the frame has opened one

  // To the ATS's page: only to the origin that the board has checked, or has refused.
  function tell(kind, more) {
    if (!framed || !parentOrigin) return;
    try {
      window.parent.postMessage({ from: "unghost-consent", kind, ...more }, parentOrigin);
    } catch {
      console.error("unghost consent widget: " + parentOrigin + " is not an origin.");
    }
  }

  if (remedy) {
    console.error("unghost consent widget: " + remedy + ".");
    tell("refused", { remedy });
  }
  tell("ready", { title: document.title });
  if (framed) {
    new ResizeObserver(() => tell("height", { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);
  }

  // Signed in elsewhere in this browser: a page that waits for it goes on by itself. A frame that has opened a window
  // waits for that one's news instead.
  if (signedOut === undefined) channel.postMessage("signed-in");
  else {
    channel.addEventListener("message", () => {
      if (!opened || opened.closed) location.replace(here);
    });
  }

  async function save(form) {
    const said = form.querySelector("[data-said]");
    const button = form.querySelector("button");
    said.textContent = "";
    button.setAttribute("aria-disabled", "true");
    let answer = {};
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(new FormData(form)),
      });
      answer = await response.json();
    } catch {
      // The connection broke, or something before the board answered: nothing is known to be saved.
    }
    button.removeAttribute("aria-disabled");
    said.classList.toggle("is-refused", !answer.said);
    said.textContent = answer.said || answer.refused || form.dataset.failed;
    if (!answer.said) return;
    form.querySelector("[data-state]").textContent = answer.state;
    if (framed) tell("saved", { integrations: answer.integrations });
    else await afterwards(form, answer);
  }

  // On the board's own page: the ledger anew, and the frame that opened this window is told.
  async function afterwards(form, answer) {
    if (window.opener && answer.integrations.length) {
      const news = { from: "unghost-window", integrations: answer.integrations, word: answer.word };
      window.opener.postMessage(news, location.origin);
      form.querySelector("[data-close]").hidden = false;
    }
    const fresh = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    const query = `[data-ledger="${form.elements.organization.value}"]`;
    if (fresh.querySelector(query)) document.querySelector(query).replaceWith(fresh.querySelector(query));
  }

  for (const form of document.querySelectorAll(".consent")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!form.querySelector("button[aria-disabled]")) save(form);
    });
  }

  // In the frame without a session: the board's own window, and what was saved there.
  const link = document.querySelector("#window");
  if (!link) return;
  link.addEventListener("click", (event) => {
    opened = window.open(link.href, "unghost-consent", "popup,width=620,height=820");
    if (opened) event.preventDefault();
  });
  window.addEventListener("message", async (event) => {
    if (event.origin !== location.origin || event.source !== opened || event.data.from !== "unghost-window") return;
    tell("saved", { integrations: event.data.integrations });
    await fetch("/admin/session", { method: "POST", body: new URLSearchParams({ word: event.data.word }) });
    location.replace(here + "&said=saved");
  });
})();
