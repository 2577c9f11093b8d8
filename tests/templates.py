"""Every template compiles, and none holds what the content security policy would block. `make check` runs it."""

import re
import sys
from pathlib import Path

import django
from django.conf import settings
from django.template import TemplateSyntaxError
from django.template.loader import get_template

BLOCKED = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "an inline style sheet": re.compile(r"<style\b", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\b(src|type=\"application/json\")\b)", re.IGNORECASE),
    "a script in an address": re.compile(r"=\s*[\"']?javascript:", re.IGNORECASE),
    "htmx code that must be evaluated": re.compile(r"\bhx-on\b|=\s*[\"']js:", re.IGNORECASE),
}
E_MAIL = "email"  # mail programs read only inline styles, and know no policy


def problems(path: Path, root: Path) -> list[str]:
    name = str(path.relative_to(root))
    found = []
    if path.suffix == ".html" and E_MAIL not in path.parts:
        text = path.read_text()
        found = [f"{name} holds {what}." for what, pattern in BLOCKED.items() if pattern.search(text)]
    try:
        get_template(name)
    except TemplateSyntaxError as error:
        found.append(f"{name}: {error}")
    return found


def main() -> int:
    django.setup()
    root = Path(settings.BASE_DIR) / "templates"
    found = [line for path in sorted(root.rglob("*.*")) for line in problems(path, root)]
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
