"""Badge: a small SVG with one number, for READMEs and footers of sites."""

from __future__ import annotations

from xml.sax.saxutils import escape

HEIGHT_PX = 20
PADDING_PX = 7
MAX_LABEL_CHARS = 60
_NARROW, _WIDE = frozenset("fijlrt.,:;|!'()[] 1I"), frozenset("mwMWQOGD@%")


def badge_svg(label: str, value: str) -> str:
    """Returns the badge as SVG. Every browser draws the texts in the same width, whatever its font."""
    label_px, value_px = (round(_text_width_px(text)) + 2 * PADDING_PX for text in (label, value))
    width_px = label_px + value_px
    name = escape(f"{label}: {value}", {'"': "&quot;"})
    texts = "".join(
        f'<text x="{middle:g}" y="14" textLength="{width - 2 * PADDING_PX:g}">{escape(text)}</text>'
        for text, middle, width in ((label, label_px / 2, label_px), (value, label_px + value_px / 2, value_px))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{HEIGHT_PX}" role="img"'
        f' aria-label="{name}"><title>{name}</title>'
        f'<clipPath id="r"><rect width="{width_px}" height="{HEIGHT_PX}" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{label_px}" height="{HEIGHT_PX}" fill="#3b424c"/>'
        f'<rect x="{label_px}" width="{value_px}" height="{HEIGHT_PX}" fill="#5b5bd6"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f"{texts}</g></svg>"
    )


def one_line(text: str) -> str:
    """Returns a label without characters that XML forbids, on one line of at most MAX_LABEL_CHARS."""
    printable = "".join(char if char.isprintable() and not "\ud800" <= char <= "\udfff" else " " for char in text)
    return " ".join(printable.split())[:MAX_LABEL_CHARS]


def _text_width_px(text: str) -> float:
    """Estimates the width in Verdana of 11 px: an SVG cannot measure its text."""
    return sum(4.2 if char in _NARROW else 9.4 if char in _WIDE else 7.0 for char in text)
