"""What a page must never do, found out by looking: errors, blocked content, sideways scroll, barriers."""

from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Error, Page

WATCH_POLICY = """
  window.blocked = [];
  document.addEventListener("securitypolicyviolation", (event) =>
    window.blocked.push(`${event.effectiveDirective} blocked ${event.blockedURI} ${event.sample}`));
"""
OVERFLOW = """() => {
  const root = document.scrollingElement, wide = root.scrollWidth - root.clientWidth;
  if (wide <= 0) return "";
  const widest = [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1).pop();
  return `scrolls sideways by ${wide} px, as far as ${widest ? widest.outerHTML.slice(0, 120) : "?"}`;
}"""
FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const ringed = (style) => (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) ||
    style.boxShadow !== "none";
  const marked = ringed(style) || (one.parentElement && ringed(getComputedStyle(one.parentElement)));
  // A frame, and a date field with several stops, show the focus on something inside that cannot be asked
  const inside = one.tagName === "IFRAME" || one === window.lastFocused;
  window.lastFocused = one;
  return {
    is_page: one === document.body || one === document.documentElement,
    href: one.getAttribute("href") || "",
    text: one.outerHTML.slice(0, 120),
    seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.left < innerWidth,
    marked: marked || inside,
  };
}"""


@dataclass
class Watch:
    """Everything wrong that was seen on one window's pages, each with its address."""

    page: Page
    problems: list[str] = field(default_factory=list)
    address: str = ""

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", self._on_error)

    def open(self, address: str) -> bool:
        """Load the page and look at it, without touching it; whether it came at all."""
        self.address = address
        answer = self.page.goto(address, wait_until="load")
        if answer is None or answer.status != 200:
            self._note(f"answered {answer.status if answer else 'nothing'}")
            return False
        for line in self.page.evaluate("() => window.blocked"):
            self._note(line)
        if wide := self.page.evaluate(OVERFLOW):
            self._note(wide)
        return True

    def look_for_barriers(self) -> None:
        """Run axe-core over what is shown now."""
        for found in Axe().run(self.page).response["violations"]:
            nodes = [node["html"][:160] for node in found["nodes"][:3]]
            self._note(f"{found['id']}: {found['help']} at {nodes}")

    def walk_by_keyboard(self, most: int = 25) -> None:
        """Press Tab: the skip link comes first, unless a field has the focus, and wherever it is can be seen."""
        starts_in_a_field = not self.page.evaluate(FOCUSED)["is_page"]
        for number in range(most):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            if focused["is_page"]:
                return
            if number == 0 and not starts_in_a_field and not focused["href"].startswith("#"):
                self._note(f"the first Tab goes to {focused['text']}, not to a skip link")
            if not (focused["seen"] and focused["marked"]):
                self._note(f"the focus cannot be seen on {focused['text']}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"console: {message.text}")

    def _on_error(self, error: Error) -> None:
        self._note(f"script error: {error.message}")

    def _note(self, what: str) -> None:
        self.problems.append(f"{self.address} {what}")
