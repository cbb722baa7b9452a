"""Filters: conditions on hits or sessions, with their text form `dimension:operator:value` and limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from proprium.errors import BadQuery
from proprium.metrics.catalog.dimensions import DATA_PREFIX, HIT_DIMENSIONS, SESSION_DIMENSIONS, Dimension

__all__ = [
    "DATA_PREFIX",
    "HIT_DIMENSIONS",
    "MAX_FILTERS",
    "MAX_KEY_CHARS",
    "MAX_TOTAL_VALUES",
    "MAX_VALUES",
    "MAX_VALUE_CHARS",
    "SESSION_DIMENSIONS",
    "UNSUPPORTED_DATA_KEYS",
    "Filter",
    "Operator",
    "dimension_name",
    "filter_for",
    "is_filterable",
    "is_valid_text",
    "parse_filter",
    "parse_filters",
]

VISIT_DIMENSIONS = frozenset(
    {
        *(Dimension.ENTRY_PAGE, Dimension.EXIT_PAGE, Dimension.CHANNEL, Dimension.REFERRER, Dimension.SOURCE),
        *(Dimension.UTM_SOURCE, Dimension.UTM_MEDIUM, Dimension.UTM_CAMPAIGN, Dimension.UTM_TERM),
        *(Dimension.UTM_CONTENT, Dimension.VISITOR_KIND),
    }
)
"""What only a session has, and bots make none. All other dimensions of sessions are on hits as well."""
MAX_FILTERS = 50
MAX_VALUES = 200
MAX_TOTAL_VALUES = 1_000
"""Values of all filters of a query together: 4,000 took 20 s and more than 64 MB at a million events."""
MAX_VALUE_CHARS = 2000
MAX_KEY_CHARS = 255
UNSUPPORTED_DATA_KEYS = {
    "view_id": "It identifies a single page view: export the events instead.",
    "user_agent": "Use browser, platform or device instead.",
}
"""Keys of `data` that are in storage but not in the warehouse, with advice."""


class Operator(StrEnum):
    IS = "is"  # an empty value: not set
    IS_NOT = "is_not"  # an empty value: set
    CONTAINS = "contains"  # not case-sensitive
    NOT_CONTAINS = "not_contains"
    MATCHES = "matches"  # a pattern for the whole text, in which * is any text
    ONE_OF = "one_of"
    IS_SET = "is_set"


_OPERATOR_LABELS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.NOT_CONTAINS: "does not contain",
    Operator.MATCHES: "matches",
    Operator.ONE_OF: "is one of",
    Operator.IS_SET: "is set",
}


@dataclass(frozen=True)
class Filter:
    """A condition on a dimension or data.<key>. Only ONE_OF has several values, only IS_SET has none."""

    dimension: str
    operator: Operator
    values: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def data_key(self) -> str | None:
        return self.dimension.removeprefix(DATA_PREFIX) if self.dimension.startswith(DATA_PREFIX) else None

    @property
    def is_hit_filter(self) -> bool:
        return self.dimension in HIT_DIMENSIONS or self.data_key is not None

    @property
    def applies_to_bots(self) -> bool:
        """False for a dimension that only sessions have, such as the source: bots have none."""
        return self.dimension not in VISIT_DIMENSIONS

    def label(self, name_of: Callable[[str, str], str] = lambda dimension, value: value) -> str:
        """Returns the text of a filter chip: "Country is Germany".

        `name_of(dimension, value)` turns codes into names.
        """
        name = dimension_name(self.dimension)
        if self.operator in {Operator.IS, Operator.IS_NOT} and not self.value:
            return f"{name} is not set" if self.operator is Operator.IS else f"{name} is set"
        values = ", ".join(name_of(self.dimension, value) for value in self.values)
        return f"{name} {_OPERATOR_LABELS[self.operator]} {values}".rstrip()

    def to_text(self) -> str:
        """Returns the filter as in a URL, before percent-encoding: `country:is:DE`."""
        prefix = f"{_escape(self.dimension, ':')}:{self.operator}"
        if self.operator is Operator.IS_SET:
            return prefix
        return f"{prefix}:{'|'.join(_escape(value, '|') for value in self.values)}"


def parse_filter(text: str) -> Filter:
    """Parses `country:is:DE`, split at the first two colons. Raises BadQuery with the correct form."""
    dimension, _, rest = text.partition(":")
    operator_name, _, value = rest.partition(":")
    dimension = _unescape(dimension)
    try:
        operator = Operator(operator_name)
    except ValueError:
        operator_names = ", ".join(Operator)
        raise BadQuery(
            f"The filter {_shorten(text)} has no known operator."
            f" Write it as country:is:DE with one of {operator_names}."
        ) from None
    if (advice := UNSUPPORTED_DATA_KEYS.get(Filter(dimension, operator).data_key or "")) is not None:
        raise BadQuery(f"{dimension} cannot be filtered on. {advice}")
    if not is_filterable(dimension):
        dimension_names = ", ".join((*HIT_DIMENSIONS, *SESSION_DIMENSIONS))
        raise BadQuery(f"{_shorten(dimension)} cannot be filtered on. Choose one of {dimension_names}, or data.<key>.")
    values = value.split("|") if operator is Operator.ONE_OF else [value]
    if operator is Operator.IS_SET:
        values = []
    if len(values) > MAX_VALUES:
        raise BadQuery(f"The filter on {dimension} lists {len(values)} values; the maximum is {MAX_VALUES}.")
    checked_values = (_check_value(dimension, operator, _unescape(value)) for value in values)
    return Filter(dimension, operator, tuple(dict.fromkeys(checked_values)))


def parse_filters(texts: list[str]) -> tuple[Filter, ...]:
    """Parses all filters of a URL; a repeated one counts once. Raises BadQuery beyond the limits."""
    if len(texts) > MAX_FILTERS:
        raise BadQuery(f"There are {len(texts)} filters; the maximum is {MAX_FILTERS}. Combine values with one_of.")
    filters = tuple(dict.fromkeys(parse_filter(text) for text in texts))
    if (total := sum(len(filter_.values) for filter_ in filters)) > MAX_TOTAL_VALUES:
        raise BadQuery(
            f"The filters list {total:,} values together; the maximum is {MAX_TOTAL_VALUES:,}."
            " Use fewer, or a pattern with * (matches)."
        )
    return filters


def is_filterable(dimension: str) -> bool:
    """Returns True for hit and session dimensions, and for data.<key> of valid length."""
    if dimension.startswith(DATA_PREFIX):
        return 0 < len(dimension) - len(DATA_PREFIX) <= MAX_KEY_CHARS and is_valid_text(dimension)
    return dimension in HIT_DIMENSIONS or dimension in SESSION_DIMENSIONS


def filter_for(dimension: str, value: str | None) -> Filter | None:
    """Returns the filter of a breakdown row; None where the dimension is not filterable (bots)."""
    if dimension in set(Dimension):
        filter_key = Dimension(dimension).spec.filter_key
        dimension = dimension if filter_key == "" else filter_key or ""
    return Filter(dimension, Operator.IS, (value or "",)) if is_filterable(dimension) else None


def dimension_name(dimension: str) -> str:
    """Returns the display name on chips and in CSV: "Country", "UTM source", or the custom key itself."""
    if dimension.startswith(DATA_PREFIX):
        return dimension.removeprefix(DATA_PREFIX)
    spec = Dimension(dimension).spec
    return spec.filter_title or spec.title


def is_valid_text(text: str) -> bool:
    """Returns False for text that databases reject: with NUL or half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _check_value(dimension: str, operator: Operator, value: str) -> str:
    """Returns the value. Raises BadQuery for one that is too long, has invalid characters or is missing."""
    if len(value) > MAX_VALUE_CHARS:
        raise BadQuery(
            f"A value of the filter on {dimension} has {len(value):,} characters; the maximum is {MAX_VALUE_CHARS:,}."
        )
    if not is_valid_text(value):
        raise BadQuery(f"The filter on {dimension} contains invalid characters. Remove them.")
    if not value and operator not in {Operator.IS, Operator.IS_NOT}:
        raise BadQuery(f"The filter on {dimension} has no value. Write it as {dimension}:{operator}:value.")
    return value


# Only % and the separator are escaped, so that a path with %20 in it can be written unchanged.
def _escape(text: str, separator: str) -> str:
    return text.replace("%", "%25").replace(separator, f"%{ord(separator):02X}")


def _unescape(text: str) -> str:
    for separator in ":|":
        text = text.replace(f"%{ord(separator):02X}", separator).replace(f"%{ord(separator):02x}", separator)
    return text.replace("%25", "%")


def _shorten(text: str) -> str:
    printable_text = text.encode("utf-8", "replace").decode()
    return repr(printable_text if len(printable_text) <= 80 else printable_text[:80] + "…")
