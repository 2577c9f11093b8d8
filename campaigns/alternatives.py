"""The other half of an e-mail: HTML made from text, text made from HTML, and the footer both carry."""

import html
import re

_BREAKS = {"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote"}
_SILENT = {"head", "style", "script", "title", "template"}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_HREF = re.compile(r"""href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_LOOK = "font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.5"
_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")


def html_from(text: str, unsubscribe_url: str = "", postal_address: str = "") -> str:
    """Plain text as an HTML document: its lines, its links, the footer, nothing else."""
    lines = html.escape(text).replace("\r\n", "\n").replace("\n", "<br>\n")
    linked = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', lines)
    head = '<!doctype html>\n<html><head><meta charset="utf-8"></head>'
    footer = _html_footer(unsubscribe_url, postal_address)
    return f'{head}\n<body style="{_LOOK}">\n<p>{linked}</p>\n{footer}</body></html>\n'


def text_from(source: str) -> str:
    """HTML as a reader without HTML gets it: its words, its paragraphs, and each link's address behind its words."""
    words: list[str] = []
    silent, address = "", ""
    position = 0
    source = _without_comments(source)
    for found in _TAG.finditer(source):
        closing, name, attributes = found[1] == "/", found[2].lower(), found[3]
        if not silent:
            words.append(re.sub(r"\s+", " ", source[position : found.start()]))
        position = found.end()
        if silent:
            silent = "" if closing and name == silent else silent
        elif name in _SILENT and not closing:
            silent = name
        elif name == "a":
            if closing and address and address != "".join(words[-1:]).strip():
                words.append(f" ({address})")
            address = "" if closing else _address(attributes)
        elif name in _BREAKS:
            words.append("\n\n" if name in _PARAGRAPHS else "\n")
            words.extend(["- "] if name == "li" and not closing else [])
    if not silent:
        words.append(re.sub(r"\s+", " ", source[position:]))
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", html.unescape("".join(words)))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _address(attributes: str) -> str:
    found = _HREF.search(attributes)
    return next((part for part in found.groups() if part), "") if found else ""


def _without_comments(source: str) -> str:
    first, *rest = source.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)


def text_footer(unsubscribe_url: str, postal_address: str) -> str:
    """The lines below a text e-mail; blank parts are left out."""
    lines = [f"To stop these e-mails: {unsubscribe_url}"] if unsubscribe_url else []
    lines += [postal_address] if postal_address else []
    return "\n\n-- \n" + "\n".join(lines) + "\n" if lines else ""


def html_with_footer(source: str, unsubscribe_url: str, postal_address: str) -> str:
    """The HTML e-mail with the footer at the end of its body; blank parts are left out."""
    footer = _html_footer(unsubscribe_url, postal_address)
    end = source.lower().rfind("</body>")
    return source + footer if end < 0 else source[:end] + footer + source[end:]


def _html_footer(unsubscribe_url: str, postal_address: str) -> str:
    parts = [f'<a href="{html.escape(unsubscribe_url)}">Stop these e-mails</a>'] if unsubscribe_url else []
    parts += [html.escape(postal_address)] if postal_address else []
    return f"<hr>\n<p><small>{'<br>'.join(parts)}</small></p>\n" if parts else ""
