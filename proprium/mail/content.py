"""Content of an e-mail: one source from which both of its parts, HTML and plain text, are rendered."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from proprium.i18n import gettext as _

TEXT_WIDTH = 72
_TEMPLATE = Environment(autoescape=True).from_string(
    Path(__file__).with_name("content.html").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class MailContent:
    """Subject and paragraphs of plain text, in the language of the interface; `link` becomes a button in HTML."""

    subject: str
    paragraphs: tuple[str, ...]
    link: str = ""
    link_label: str = ""
    closing: tuple[str, ...] = ()  # paragraphs below the link

    def as_text(self) -> str:
        blocks = [*map(_wrapped, self.paragraphs), *([self.link] if self.link else []), *map(_wrapped, self.closing)]
        return "\n\n".join([*blocks, f"-- \n{self.signature}"]) + "\n"

    def as_html(self) -> str:
        return _TEMPLATE.render(mail=self)

    @property
    def signature(self) -> str:
        return _("Proprium, website analytics on your own server")


def _wrapped(paragraph: str) -> str:
    """Wraps a paragraph between words; long words, such as addresses, stay whole."""
    return textwrap.fill(paragraph, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)
