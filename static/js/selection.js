// A list's ticks: this page, a range with Shift, everything that matches; the bar says how many. CSS shows the bar.
let last = null;
const boxes = (form) => [...form.querySelectorAll("tbody input[name=ids]")];

function tell(form) {
  const all = boxes(form);
  const picked = all.filter((box) => box.checked).length;
  const everything = form.querySelector("[data-pick-everything]");
  const page = form.querySelector("[data-pick-all]");
  const words = form.querySelector("[data-picked]");
  if (everything && picked < all.length) everything.checked = false;
  if (page) {
    page.checked = picked > 0 && picked === all.length;
    page.indeterminate = picked > 0 && picked < all.length;
  }
  if (words) words.textContent = everything?.checked ? "All that match" : `${picked.toLocaleString("en")} selected`;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.("form[data-bulk] input[name=ids]");
  if (!box) return;
  const all = boxes(box.form);
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
});
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-bulk]");
  if (!form) return;
  const picksAll = event.target.matches("[data-pick-all]");
  if (picksAll) for (const box of boxes(form)) box.checked = event.target.checked;
  if (event.target.matches("[data-pick-everything]") && event.target.checked) for (const box of boxes(form)) box.checked = true;
  tell(form);
});
document.addEventListener("reset", (event) => {
  if (event.target.matches("form[data-bulk]")) setTimeout(() => tell(event.target));
});
const tellAll = () => document.querySelectorAll("form[data-bulk]").forEach(tell);
document.addEventListener("htmx:after:swap", tellAll);
addEventListener("pageshow", tellAll);
