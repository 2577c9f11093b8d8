// Keys: "?" lists them, j and k walk a list's rows, x selects, Enter opens (the focused link does that by itself).
// Single letters never fire while somebody types, and not at all once turned off.
const isTyping = (element) =>
  element.closest?.("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])");
const rows = () => [...document.querySelectorAll("[data-list] tbody tr, table[data-rows] tbody tr")];

function walk(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  (next.querySelector("a[href]") ?? next.querySelector("input")).focus();
  next.scrollIntoView({ block: "nearest" });
}

const LETTERS = {
  "/": () => document.dispatchEvent(new CustomEvent("find")),
  "?": () => document.getElementById("shortcuts")?.showModal(),
  j: () => walk(1),
  k: () => walk(-1),
  x: () => rows().find((row) => row.contains(document.activeElement))?.querySelector("input[name=ids]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("find"));
    return;
  }
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
  const isOff = "noShortcuts" in document.body.dataset || document.querySelector("dialog[open]");
  const act = LETTERS[event.key];
  if (act && isPlain && !isOff && !isTyping(event.target)) {
    event.preventDefault();
    act();
  }
});

// A click anywhere on a row opens it; links, controls and selected text keep their own meaning.
document.addEventListener("click", (event) => {
  const row = event.target.closest?.("tr[data-href]");
  if (!row || event.target.closest("a, button, input, label, summary, details")) return;
  if (String(getSelection()) || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
  else location.assign(row.dataset.href);
});
