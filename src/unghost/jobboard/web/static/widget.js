/* Puts the consent widget of an unghost job board where its script tag stands (docs/howto/embed-the-consent-widget.md).

   <script src="https://board.example/consent/widget.js" data-client-id="…" data-on-integrate="onIntegrate" async></script>

   Every message is taken only from the board's origin and this frame, and the frame sends only to this page's origin. */
(function () {
  "use strict";
  const script = document.currentScript;
  const complain = (sentence) => console.error("unghost consent widget: " + sentence);
  if (!script || !script.dataset.clientId) {
    return complain("give the script tag data-client-id, and include it as a plain script, not as a module.");
  }
  if (!document.body || !document.body.contains(script)) {
    return complain("put the script tag into the body of the page, where the widget shall stand.");
  }

  const address = new URL("widget", script.src);
  address.searchParams.set("client_id", script.dataset.clientId);
  address.searchParams.set("origin", location.origin);
  const width = Number(script.dataset.width) > 0 ? Number(script.dataset.width) : 500;
  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = "Applicant notifications";
  frame.style.cssText = "display:block;border:0;max-width:100%;height:320px;color-scheme:light dark";
  frame.style.width = width + "px";

  let heard = false;
  const act = {
    ready(message) {
      frame.title = String(message.title).slice(0, 200);
    },
    height(message) {
      frame.style.height = Math.min(Math.max(Number(message.height) || 0, 80), 4000) + "px";
    },
    refused(message) {
      complain(String(message.remedy).slice(0, 1000) + ".");
    },
    saved(message) {
      const given = { integrations: message.integrations };
      frame.dispatchEvent(new CustomEvent("unghost:integrate", { bubbles: true, detail: given }));
      const name = script.dataset.onIntegrate;
      if (!name) return;
      const callback = name.split(".").reduce((holder, part) => (holder ? holder[part] : undefined), window);
      if (typeof callback === "function") callback(given);
      else complain("data-on-integrate names " + JSON.stringify(name) + ", which is not a global function.");
    },
  };
  window.addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== address.origin) return;
    const message = event.data;
    if (!message || message.from !== "unghost-consent" || !Object.hasOwn(act, message.kind)) return;
    heard = true;
    act[message.kind](message);
  });
  frame.addEventListener("load", () =>
    setTimeout(() => {
      if (!heard) {
        complain(
          "the frame stays empty. Have " + location.origin + " added to the allowed origins of the child application " +
            JSON.stringify(script.dataset.clientId) + ", and let this page's own policy (frame-src) allow " + address.origin + "."
        );
      }
    }, 2000)
  );
  script.after(frame);
})();
