// Buttons that put a placeholder where the cursor stands. Without JavaScript they stay hidden; the hint tells the words.
for (const group of document.querySelectorAll("[data-inserts-into]")) {
  const field = document.getElementById(group.dataset.insertsInto);
  if (!field) continue;
  for (const button of group.querySelectorAll("[data-inserts]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      field.setRangeText(button.dataset.inserts, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}
