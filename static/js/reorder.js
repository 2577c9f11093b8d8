// Order a list: buttons "Move up" and "Move down", Alt-arrows, or dragging by the grip. Each move is announced, and an
// event "reorder" bubbles from the list. The form is sent in the order of the page, so the server needs nothing more.
const items = (list) => [...list.querySelectorAll(":scope > [data-item]")];

function announce(list, item) {
  const all = items(list);
  const text = `${item.dataset.item} is now number ${all.indexOf(item) + 1} of ${all.length}.`;
  const region = list.parentElement.querySelector("[data-reorder-said]") ?? list.insertAdjacentElement("afterend", said());
  region.textContent = text;
  list.dispatchEvent(new CustomEvent("reorder", { bubbles: true, detail: { order: all.map((one) => one.dataset.key ?? one.dataset.item) } }));
  list.closest("form")?.dispatchEvent(new Event("input", { bubbles: true }));
}
function said() {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.setAttribute("role", "status");
  region.dataset.reorderSaid = "";
  return region;
}
function move(list, item, step) {
  const all = items(list);
  const to = all.indexOf(item) + step;
  if (to < 0 || to >= all.length) return;
  if (step < 0) all[to].before(item);
  else all[to].after(item);
  announce(list, item);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-reorder] [data-move]");
  if (!button) return;
  event.preventDefault();
  const item = button.closest("[data-item]");
  move(item.closest("[data-reorder]"), item, button.dataset.move === "up" ? -1 : 1);
  button.focus();
});
document.addEventListener("keydown", (event) => {
  const item = event.target.closest?.("[data-reorder] > [data-item]");
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!item || !step || !event.altKey) return;
  event.preventDefault();
  const focused = document.activeElement;
  move(item.closest("[data-reorder]"), item, step);
  focused.focus();
});

let dragged = null;
document.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.("[data-reorder] [data-grip]");
  if (!grip || event.button) return;
  event.preventDefault();
  dragged = grip.closest("[data-item]");
  dragged.classList.add("dragged");
  grip.setPointerCapture(event.pointerId);
});
document.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const list = dragged.closest("[data-reorder]");
  const others = items(list).filter((one) => one !== dragged);
  const after = others.find((one) => {
    const box = one.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2;
  });
  if (after) after.before(dragged);
  else others.at(-1)?.after(dragged);
});
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    announce(dragged.closest("[data-reorder]"), dragged);
    dragged = null;
  });
}
