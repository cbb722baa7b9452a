"""A pseudo-language, by which tests find texts of pages and documents that no catalogue could replace.

with pseudo_language():
    await browser.open("/documentation")
    assert untranslated(page_texts(browser.client), data={"example.com"}) == []
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

from nicegui import Client, ui
from nicegui.element import Element

from proprium import i18n

OPEN, CLOSE = "⟦", "⟧"
TEXT_PROPS = (
    "aria-label",
    "title",
    "placeholder",
    "label",
    "alt",
    "hint",
    "suffix",
    "prefix",
    "no-data-label",
    "caption",
)
"""Attributes that browsers show or read aloud."""
CODE_TAGS = frozenset({"pre", "code", "kbd", "script", "style"})
"""Their content is the same in every language."""
DAYS_AND_MONTHS = (
    "Mon(day)?|Tue(sday)?|Wed(nesday)?|Thu(rsday)?|Fri(day)?|Sat(urday)?|Sun(day)?|Jan(uary)?|Feb(ruary)?|Mar(ch)?"
    "|Apr(il)?|May|June?|July?|Aug(ust)?|Sep(tember)?|Oct(ober)?|Nov(ember)?|Dec(ember)?"
)
NUMBERS = re.compile(rf"\b\d[\d.,:]*(k|M|B|s|m|h|\s?pp)?\b|\b({DAYS_AND_MONTHS})\b|%")
"""Numbers, durations and dates, in the form in which every language has them today."""
WORD = re.compile(r"[^\W\d_]{2,}")


class PseudoLanguage(gettext.NullTranslations):
    """Returns ⟦…⟧ for each message; {placeholders} stay."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{OPEN}{msgid1 if n == 1 else msgid2}{CLOSE}"


@contextmanager
def pseudo_language() -> Iterator[None]:
    """Shows all texts in the pseudo-language while it lasts."""
    i18n.install_catalogue(PseudoLanguage())
    try:
        yield
    finally:
        i18n.install_catalogue(i18n.SOURCE_LANGUAGE)


def untranslated(texts: Iterable[str], data: Collection[str] = ()) -> list[str]:
    """Returns the texts with words outside ⟦⟧, sorted.

    `data`: what stands outside, since it is the same in every language: names, addresses, values of events.
    """
    longest_first = sorted(data, key=len, reverse=True)
    return sorted({text for text in texts if WORD.search(_remainder(text, longest_first))})


def _remainder(text: str, data: Iterable[str]) -> str:
    inner = re.compile(rf"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
    while inner.search(text):  # messages may hold translated values
        text = inner.sub(" ", text)
    for value in data:
        text = text.replace(value, " ")
    return NUMBERS.sub(" ", text)


def page_texts(page: Client | Element) -> Iterator[str]:
    """Yields what a page, or an element and all below it, shows or reads aloud; hidden elements too, but no code."""
    elements: Iterable[Element] = page.elements.values() if isinstance(page, Client) else [page, *page.descendants()]
    for element in list(elements):
        yield from _element_texts(element)


def _element_texts(element: Element) -> Iterator[str]:
    if any(each.tag in CODE_TAGS for each in (element, *element.ancestors())):
        return
    if getattr(element, "_text", None):
        yield str(element._text)
    for name in TEXT_PROPS:
        if isinstance(value := element.props.get(name), str):
            yield value
    if isinstance(element, ui.html | ui.markdown):
        yield from html_texts(element.content)
    for option in element.props.get("options") or ():
        if isinstance(option, dict) and isinstance(option.get("label"), str):
            yield option["label"]
    for column in element.props.get("columns") or ():
        yield column["label"]
    for slot in element.slots.values():
        if slot.template:  # Vue's: {{ expressions }} and bound attributes are values
            yield from html_texts(re.sub(r"\{\{.*?\}\}", "", slot.template, flags=re.DOTALL))


def html_texts(document: str) -> Iterator[str]:
    """Yields the texts of an HTML document that a browser shows or reads aloud; no code."""
    parser = _TextParser()
    parser.feed(document)
    parser.close()
    yield from parser.texts


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._code_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code_depth += tag in CODE_TAGS
        self.texts += [value for name, value in attrs if name in TEXT_PROPS and value]

    def handle_endtag(self, tag: str) -> None:
        self._code_depth -= tag in CODE_TAGS

    def handle_data(self, data: str) -> None:
        if not self._code_depth and data.strip():
            self.texts.append(" ".join(data.split()))


def figure_texts(figure: dict[str, Any]) -> Iterator[str]:
    """Yields names, tooltips and axis labels of a Plotly figure; values and tags are left out."""
    for trace in figure["data"]:
        for template in (trace.get("name"), trace.get("hovertemplate")):
            if template:
                yield re.sub(r"%\{.*?\}|<.*?>", " ", template)
    for axis in ("xaxis", "yaxis"):
        for text in figure["layout"].get(axis, {}).get("ticktext") or ():
            yield str(text)
