"""Translation: every text of the interface goes through `gettext` or `ngettext`, by which a catalogue replaces it.

Only English ships, and English is what the code says; `make messages` writes all texts to locale/proprium.pot.
"""

from __future__ import annotations

import gettext as gettext_catalogues
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SOURCE_LANGUAGE = gettext_catalogues.NullTranslations()
"""The catalogue that returns every text as the code has it."""

_catalogue = SOURCE_LANGUAGE
_is_for_programs: ContextVar[bool] = ContextVar("is_for_programs", default=False)


def install_catalogue(catalogue: gettext_catalogues.NullTranslations) -> None:
    """Makes all following texts come from `catalogue`, in the whole process."""
    global _catalogue
    _catalogue = catalogue


@contextmanager
def untranslated() -> Iterator[None]:
    """Keeps texts as the code has them, in this context only: programs that call the API compare them."""
    token = _is_for_programs.set(True)
    try:
        yield
    finally:
        _is_for_programs.reset(token)


def gettext(message: str, **values: object) -> str:
    """Returns `message` in the interface's language, with {placeholders} replaced by `values`.

    Imported as `_`. Translators may reorder placeholders, so texts are never concatenated nor f-strings.
    """
    translated = _current_catalogue().gettext(message)
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, count: int, **values: object) -> str:
    """Returns the form of a text that fits `count`: `ngettext("{count} event", "{count} events", 1)` is "1 event".

    {count} has thousands separators, unless `values` holds another text for it.
    """
    translated = _current_catalogue().ngettext(singular, plural, count)
    return translated.format(**{"count": f"{count:,}", **values})


def N_(message: str) -> str:
    """Marks a constant for extraction (the name is gettext's own); `gettext` translates it where it is displayed."""
    return message


def _current_catalogue() -> gettext_catalogues.NullTranslations:
    return SOURCE_LANGUAGE if _is_for_programs.get() else _catalogue
