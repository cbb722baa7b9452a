"""Path and query parameters of the API: their OpenAPI descriptions and strict parsing.

Unknown, repeated and empty parameters are errors: a typo must not silently change a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request

from proprium.errors import BadQuery, PropertyNotFound
from proprium.metrics.breakdown import MAX_LIMIT
from proprium.metrics.query.filters import MAX_FILTERS, Operator, is_valid_text
from proprium.metrics.query.period import PRESETS, Compare, Interval
from proprium.metrics.query.query import Audience
from proprium.metrics.results import Dimension, Metric
from proprium.serialization.queries import Slice

Pairs = list[tuple[str, str]]
Parameter = dict[str, Any]

REPEATABLE = frozenset({"filter", "metric"})
MAX_SEARCH_CHARS = 200
MAX_OFFSET = 10_000_000


def _query_parameter(name: str, description: str, example: Any = None, **schema: Any) -> Parameter:
    parameter: Parameter = {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }
    return parameter if example is None else {**parameter, "example": example}


def path_parameter(name: str, description: str, example: str, **schema: Any) -> Parameter:
    schema = {"type": "string", **schema}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _names(values: Iterable[str]) -> list[str]:
    return [str(value) for value in values]


PROPERTY = path_parameter("property_id", "The property's id.", "2f0c1f8e-2c5b-4b52-8a0e-9d5b1f6f3c11", format="uuid")
DIMENSION = path_parameter(
    "dimension",
    f"One of {', '.join(Dimension)}, or data.<key> for a key of custom event data (requires edit access to the "
    "property, unless the key is public).",
    "country",
    minLength=1,
)

HAND_OVER_TO = _query_parameter(
    "hand_over_to", "E-mail address of the user who gets the properties.", "ada@example.com", type="string"
)

_DATE_SCHEMA = {"type": "string", "format": "date"}
FROM = _query_parameter(
    "from",
    "First day, or a time such as 2026-01-01T14:00, instead of period; in the time zone of the query.",
    "2026-01-01",
    **_DATE_SCHEMA,
)
TO = _query_parameter(
    "to", "Last day, inclusive, or a time, exclusive. Defaults to today.", "2026-01-31", **_DATE_SCHEMA
)
TIMEZONE = _query_parameter(
    "timezone", "Time zone in which days begin. Defaults to the property's.", "Europe/Berlin", type="string"
)
PERIOD = (
    _query_parameter(
        "period",
        "Date range. Defaults to 28d.",
        "28d",
        type="string",
        enum=[key for key, _ in PRESETS if key != "custom"],
    ),
    FROM,
    TO,
    TIMEZONE,
)
COMPARE = _query_parameter(
    "compare",
    "Compare with the previous period, the same dates a year earlier (year), or none. Defaults to previous.",
    type="string",
    enum=_names(Compare),
)
FILTERS = (
    _query_parameter(
        "filter",
        f"dimension:operator:value, such as country:is:DE. Repeat it for several filters; all of them must match. "
        f"Operators: {', '.join(Operator)}. one_of takes values separated by |; is_set takes no value.",
        ["country:is:DE"],
        type="array",
        items={"type": "string"},
        maxItems=MAX_FILTERS,
    ),
    _query_parameter(
        "audience", "Count humans, bots, or all. Defaults to humans.", type="string", enum=_names(Audience)
    ),
    _query_parameter("goal", "Name of the goal that conversions are counted for. Defaults to any goal.", type="string"),
)
INTERVAL = _query_parameter(
    "interval",
    "Width of a bucket. Defaults to a width that fits the period.",
    "day",
    type="string",
    enum=_names(Interval),
)
METRICS = _query_parameter(
    "metric",
    "Metric to return; repeat it for several. Totals and timeline default to all metrics; a breakdown always includes "
    "its dimension's default metric.",
    ["visitors"],
    type="array",
    items={"type": "string", "enum": _names(Metric)},
)
ROWS = (
    _query_parameter(
        "limit", "Maximum number of rows.", 100, type="integer", minimum=1, maximum=MAX_LIMIT, default=100
    ),
    _query_parameter("offset", "Number of rows to skip.", 0, type="integer", minimum=0, maximum=MAX_OFFSET, default=0),
    _query_parameter(
        "search",
        "Only rows whose label contains this text; not case-sensitive.",
        type="string",
        maxLength=MAX_SEARCH_CHARS,
    ),
    _query_parameter(
        "sort", "Metric to sort by. Defaults to the dimension's default metric.", type="string", enum=_names(Metric)
    ),
    _query_parameter(
        "order",
        "Sort order: highest first (desc) or lowest first (asc).",
        type="string",
        enum=["desc", "asc"],
        default="desc",
    ),
)


def property_id(request: Request) -> UUID:
    """Returns the id in the path. Raises PropertyNotFound for malformed ids too, like for unknown ones."""
    text = request.path_params["property_id"]
    try:
        return UUID(text)
    except ValueError:
        raise PropertyNotFound(text[:40]) from None


def query_pairs(request: Request, parameters: Sequence[Parameter]) -> Pairs:
    """Returns the query parameters. Raises BadQuery for unknown, empty and repeated ones (except REPEATABLE)."""
    pairs = request.query_params.multi_items()
    known_names = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    read_names: set[str] = set()
    for name, value in pairs:
        if name not in known_names:
            way_out = (
                f"Valid parameters: {', '.join(known_names)}." if known_names else "This endpoint takes no parameters."
            )
            raise BadQuery(f"Unknown parameter {_quoted(name)}. {way_out}")
        if name in read_names and name not in REPEATABLE:
            raise BadQuery(f"{name} is given more than once. Use a single value.")
        if not value and name != "search":
            raise BadQuery(f"{name} is empty. Set a value or remove the parameter.")
        read_names.add(name)
    return pairs


def metrics(pairs: Pairs) -> tuple[Metric, ...]:
    return tuple(dict.fromkeys(_parse_metric(name, value) for name, value in pairs if name == "metric"))


def parse_slice(pairs: Pairs) -> Slice:
    text_by_name = dict(pairs)
    search = text_by_name.get("search", "").strip()
    if len(search) > MAX_SEARCH_CHARS or not is_valid_text(search):
        raise BadQuery(f"search has {len(search):,} characters; use at most {MAX_SEARCH_CHARS} printable characters.")
    order = text_by_name.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise BadQuery(f"order={_quoted(order)} is not valid. Use desc or asc.")
    return Slice(
        metrics=metrics(pairs),
        sort=_parse_metric("sort", text_by_name["sort"]) if "sort" in text_by_name else None,
        is_ascending=order == "asc",
        search=search,
        limit=_parse_int("limit", text_by_name.get("limit", "100"), 1, MAX_LIMIT),
        offset=_parse_int("offset", text_by_name.get("offset", "0"), 0, MAX_OFFSET),
    )


def _parse_metric(name: str, text: str) -> Metric:
    try:
        return Metric(text)
    except ValueError:
        raise BadQuery(f"{name}={_quoted(text)} is not a known metric. Use one of {', '.join(Metric)}.") from None


def _parse_int(name: str, text: str, minimum: int, maximum: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) < 12
    if not is_number or not minimum <= int(text) <= maximum:
        raise BadQuery(f"{name}={_quoted(text)} is not an integer from {minimum} to {maximum:,}.")
    return int(text)


def _quoted(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
