// Toasts: at most three, gone after eight seconds (ten with Undo) unless hovered or focused, errors stay; all are kept
// in a list for the session. Other scripts and htmx answers raise one by the event "toast" with {text, level}.
const KEEP = "rc-messages";
const STAY = 8000;
const STAY_TO_UNDO = 10000;
const region = document.querySelector("[data-toasts]");
const template = document.getElementById("toast-template");

const kept = () => JSON.parse(sessionStorage.getItem(KEEP) ?? "[]");
function keep(toast) {
  const text = toast.querySelector("p").textContent;
  const at = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  sessionStorage.setItem(KEEP, JSON.stringify([{ text, at }, ...kept()].slice(0, 30)));
  list();
}
function list() {
  const place = document.querySelector("[data-messages]");
  if (!place) return;
  place.replaceChildren(...kept().map(({ text, at }) => {
    const item = document.createElement("li");
    item.textContent = `${at} ${text}`;
    return item;
  }));
  place.closest("details").hidden = !kept().length;
}

function start(toast) {
  keep(toast);
  const all = [...region.querySelectorAll(".toast")];
  for (const old of all.filter((one) => one.dataset.toast !== "error").slice(0, Math.max(all.length - 3, 0))) old.remove();
  if (toast.dataset.toast === "error") return;
  let timer;
  const pause = () => clearTimeout(timer);
  const run = () => { pause(); timer = setTimeout(() => toast.remove(), toast.querySelector("form") ? STAY_TO_UNDO : STAY); };
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, pause);
  for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, run);
  run();
}

if (region) {
  region.querySelectorAll(".toast").forEach(start);
  list();
  document.addEventListener("click", (event) => event.target.closest?.("[data-dismiss]")?.closest(".toast")?.remove());
  document.addEventListener("toast", ({ detail }) => {
    const { text, level = "info" } = detail ?? {};
    if (!text) return;
    const toast = template.content.querySelector(`[data-toast="${level}"]`)?.cloneNode(true);
    if (!toast) return;
    toast.querySelector("p").textContent = text;
    region.querySelector(`[data-lane=${level === "error" ? "assertive" : "polite"}]`).append(toast);
    start(toast);
  });
}
