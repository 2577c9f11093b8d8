// The processor light stays true on a page that is left open: asked again twice a minute while somebody looks.
// Not by htmx: when the session has ended it would leave the page, and what was typed on it.
const holder = document.querySelector("[data-light]");

async function ask() {
  if (document.hidden) return;
  try {
    const answer = await fetch(holder.dataset.light, { redirect: "manual" });
    if (answer.ok) holder.innerHTML = await answer.text();
  } catch {
    // no connection now; the next round asks again
  }
}
if (holder) setInterval(ask, 30_000);
