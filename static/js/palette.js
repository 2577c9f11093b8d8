// Global search: "/" or Ctrl-K goes to the box, arrows walk the hits (real links, so Enter opens), Escape leaves.
const box = document.querySelector("[data-palette]");

if (box) {
  const input = box.querySelector("input[type=search]");
  const found = box.querySelector("#found");
  const told = box.querySelector("[data-found-count]");
  const hits = () => [...found.querySelectorAll(".hit")];
  const open = () => { box.classList.add("open"); input.focus(); input.select(); };
  const close = () => { found.hidden = true; box.classList.remove("open"); };

  document.addEventListener("find", open);
  box.querySelector("[data-find]")?.addEventListener("click", (event) => { event.preventDefault(); open(); });
  input.addEventListener("input", () => {
    found.hidden = false;
    if (input.value.trim().length < 2) found.replaceChildren();
  });
  input.addEventListener("focus", () => { found.hidden = false; });
  box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget)) close(); });
  found.addEventListener("htmx:after:swap", () => {
    const count = hits().length;
    told.textContent = count ? `${count} found. Arrow down to choose.` : "Nothing found.";
  });
  box.addEventListener("keydown", (event) => {
    const links = hits();
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") {
      input.value = "";
      found.replaceChildren();
      close();
      document.getElementById("main")?.focus();
    } else if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[Math.min(at + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (links[at - 1] ?? input).focus();
    } else if (event.key === "Enter" && document.activeElement === input && links.length === 1) {
      event.preventDefault();
      links[0].click();
    }
  });
}
