// Asks for the spans of a trace while the page's code is still on its way; src/api/early.ts takes the answer.
// A file of its own, since the page's policy allows no script inside it, and small, so that it runs first.
(() => {
  const base = new URL('.', document.currentScript.src).pathname;
  const id = /\/traces?\/([0-9a-f]{32})$/.exec(location.pathname)?.[1];
  if (!id) return;
  const answer = fetch(`${base}api/v1/traces/${id}?view=tree`, {
    headers: { accept: 'application/vnd.apache.arrow.stream' },
    credentials: 'same-origin',
  });
  // Who takes it hears of a failure; nobody else needs to.
  answer.catch(() => undefined);
  window.hoplineEarly = { id, answer };
})();
