"""HTML by hand: the figure object that all HTML views return, and the few pieces that they are made of."""

import html
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from mtp_edu.views import style

TokenText = Callable[[int], str]  # a tokenizer's token_text: one token for display
STYLE_SHEET = f"<style>{style.CSS}</style>"


@dataclass(frozen=True)
class HtmlFigure:
    """An HTML picture and the same in words. Shows itself in a notebook; `print` gives the words."""

    html: str
    text: str

    @property
    def bare(self) -> str:
        """Without the style sheet, for a place that has it already."""
        return self.html.removeprefix(STYLE_SHEET)

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def escape(text: str) -> str:
    """Text made safe for HTML, also inside attributes; lone surrogates become question marks."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"), quote=True)


def tag(name: str, *content: str, **attributes: str) -> str:
    """An element: `content` is HTML already, attribute values are escaped here (and left out if empty)."""
    given = {key.rstrip("_").replace("_", "-"): escape(value) for key, value in attributes.items() if value}
    words = "".join(f' {key}="{value}"' for key, value in given.items())
    return f"<{name}{words}>{''.join(content)}</{name}>"


def figure(body: str, text: str, class_: str = "", style_: str = "") -> HtmlFigure:
    """Put a body into the box and under the style sheet that all figures share."""
    return HtmlFigure(STYLE_SHEET + tag("div", body, class_=f"mtp-fig {class_}", style=style_), text)


def error(message: str) -> HtmlFigure:
    """A message that takes the place of a figure that could not be made."""
    return figure(tag("div", escape(message), class_="mtp-error", role="alert"), message)


def printable(token: str) -> str:
    """A token that takes its own place and no other: a combining mark alone gets a circle to stand on, and characters
    that show nothing or turn the direction of a whole line (control and format characters) are written as escapes."""
    if token.isascii() and token.isprintable():
        return token
    own = [c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in token]
    return "◌" * unicodedata.category(token[0]).startswith("M") + "".join(own) if token else token


def visible(token: str) -> str:
    """A printable token with its white space made visible: the text that tables show."""
    return printable(token).replace("\n", "↵").replace("\t", "⇥").replace(" ", "␣") or "∅"


def chip(text: str, head: int, title: str = "", struck: bool = False) -> str:
    """A token on its head's background (head 0: neutral), struck through if it was wrong."""
    look = style.chip_style(head) + (";text-decoration:line-through" if struck else "")
    return tag("span", escape(text), class_=f"mtp-chip {style.chip_class(head)}", style=look, title=title)


def code(text: str) -> str:
    """Text in the code font."""
    return tag("span", escape(text), class_="mtp-code")


def head_name(head: int, short: bool = False) -> str:
    """'② head 2', the mark on a background of its own that is the same on every page; short: the mark alone.

    Without the style sheet the words have the page's own colour: no colour of a head is readable on light and on dark.
    """
    mark = tag("span", style.mark(head), style=style.chip_style(head))
    return tag("span", mark + ("" if short else f"&nbsp;head&nbsp;{head}"), class_=style.ink_class(head))


def table(rows: list[str], head: str = "", class_: str = "") -> str:
    """A table in a box that scrolls sideways where the page is too narrow."""
    top = tag("thead", tag("tr", head)) if head else ""
    inner = tag("table", top, tag("tbody", *(tag("tr", row) for row in rows)), class_=f"mtp-table {class_}")
    return tag("div", inner, class_="mtp-scroll")


def legend(entries: list[str]) -> str:
    """Entries (HTML) side by side; the wide spaces keep them apart where there is no style sheet."""
    return tag("div", "&emsp;".join(tag("span", entry) for entry in entries), class_="mtp-legend")


def note(text: str) -> str:
    """A line of small print; `text` is HTML."""
    return tag("div", text, class_="mtp-note")
