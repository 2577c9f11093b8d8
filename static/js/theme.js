// The theme switch acts at once; the form's own POST keeps the choice, with or without this script.
document.querySelector("form.theme")?.addEventListener("submit", async (event) => {
  const theme = event.submitter?.value;
  if (!theme) return;
  event.preventDefault();
  const form = event.target;
  const body = new FormData(form, event.submitter);
  document.documentElement.dataset.theme = theme;
  for (const button of form.querySelectorAll("[name=theme]")) button.setAttribute("aria-pressed", String(button === event.submitter));
  const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok) document.dispatchEvent(new CustomEvent("toast", { detail: { text: "The theme could not be kept.", level: "error" } }));
});
