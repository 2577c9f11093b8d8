// Forms: warn before typed text is lost, Ctrl-Enter saves, a double click sends once, problems take the focus.
const watched = "form[data-watch]";

document.addEventListener("input", (event) => {
  const form = event.target.closest?.(watched);
  if (form) form.dataset.changed = "";
});
addEventListener("beforeunload", (event) => {
  if (document.querySelector(`${watched}[data-changed]:not([data-sent])`)) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form?.method === "post") {
    event.preventDefault();
    form.requestSubmit();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("sent" in form.dataset) {
    event.preventDefault();
    return;
  }
  if ("skipEmpty" in form.dataset) {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  }
  if (form.method === "post") {
    form.dataset.sent = "";
    event.submitter?.setAttribute("aria-busy", "true");
    setTimeout(() => { if (event.defaultPrevented) free(form); });
    setTimeout(() => free(form), 10_000); // the answer was a file, or never came
  }
});
// Back from the next page: everything can be sent again
function free(form) {
  delete form.dataset.sent;
  for (const field of form.elements) {
    field.removeAttribute("aria-busy");
    if ("skipEmpty" in form.dataset) field.disabled = false;
  }
}
addEventListener("pageshow", () => document.querySelectorAll("form").forEach(free));
document.addEventListener("htmx:after:request", () => document.querySelectorAll("form[data-sent]").forEach(free));

function focusProblems() {
  document.querySelector("[data-focus]")?.focus();
}
document.addEventListener("htmx:after:swap", (event) => {
  if (event.target.querySelector?.("[data-focus]")) focusProblems();
});
focusProblems();

// What came back with problems was typed and is still unsaved
for (const form of document.querySelectorAll(`${watched}:has(.summary-of-problems)`)) form.dataset.changed = "";

// Where a number must be typed before many records change, the button waits for it.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.mustBe;
  if (wanted === undefined) return;
  const right = event.target.value.replace(/\D/g, "") === wanted.replace(/\D/g, "");
  event.target.setCustomValidity(right ? "" : `Type ${wanted} to go on.`);
});

// A form that only had to reach us by way of our own page
document.querySelector("form[data-at-once]")?.requestSubmit();
