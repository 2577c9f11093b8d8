// Dialogs and menus. Browsers that know command="show-modal" need none of this for dialogs; menus close outside and by Escape.
const isNative = (button) => "commandForElement" in HTMLButtonElement.prototype && button.hasAttribute("commandfor");

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener && !isNative(opener)) {
    const dialog = document.getElementById(opener.dataset.opens);
    if (dialog && !dialog.open) dialog.showModal();
  }
  const closer = event.target.closest?.("[data-closes]");
  if (closer && !isNative(closer)) closer.closest("dialog")?.close();
  if (event.target.matches?.("dialog")) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
  for (const menu of document.querySelectorAll("details[data-menu-box][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details[data-menu-box][open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// The sidebar behind the menu button, on small screens
const side = document.getElementById("side");
const button = document.querySelector("[data-menu]");
function show(isOpen) {
  side.classList.toggle("open", isOpen);
  button.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) side.querySelector("a")?.focus();
}
if (side && button) {
  button.setAttribute("role", "button");
  button.setAttribute("aria-controls", "side");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", (event) => { event.preventDefault(); show(!side.classList.contains("open")); });
  document.addEventListener("click", (event) => {
    if (side.classList.contains("open") && !side.contains(event.target) && !button.contains(event.target)) show(false);
  });
  side.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && side.classList.contains("open")) { show(false); button.focus(); }
  });
}
