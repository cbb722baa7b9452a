"""What stands in an address of the API: told to OpenAPI, and read strictly, because a typo must not change a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request

from proprium.errors import BadQuery, PropertyNotFound
from proprium.metrics.breakdown import MAX_LIMIT
from proprium.metrics.query.filters import MAX_FILTERS, Operator, is_plain
from proprium.metrics.query.period import PRESETS, Compare, Interval
from proprium.metrics.query.query import Audience
from proprium.metrics.results import Dimension, Metric
from proprium.serialization.queries import Slice

Pairs = list[tuple[str, str]]
Parameter = dict[str, Any]

REPEATABLE = frozenset({"filter", "metric"})
MAX_SEARCH_CHARS = 200
MAX_OFFSET = 10_000_000


def _in_query(name: str, about: str, example: Any = None, **schema: Any) -> Parameter:
    told: Parameter = {"name": name, "in": "query", "required": False, "description": about, "schema": schema}
    return told if example is None else {**told, "example": example}


def _in_path(name: str, about: str, example: str, **schema: Any) -> Parameter:
    schema = {"type": "string", **schema}
    return {"name": name, "in": "path", "required": True, "description": about, "schema": schema, "example": example}


def _names(values: Iterable[str]) -> list[str]:
    return [str(value) for value in values]


PROPERTY = _in_path("property_id", "The property.", "2f0c1f8e-2c5b-4b52-8a0e-9d5b1f6f3c11", format="uuid")
DIMENSION = _in_path(
    "dimension",
    f"One of {', '.join(Dimension)}, or data.<key> for a key of your own: for those who may change the "
    "property, and where the key is public.",
    "country",
    minLength=1,
)

_DAY = {"type": "string", "format": "date"}
FROM = _in_query("from", "The first day, instead of a period; in the time zone.", "2026-01-01", **_DAY)
TO = _in_query("to", "The last day, which is counted too. Without it: today.", "2026-01-31", **_DAY)
TIMEZONE = _in_query("timezone", "Where days begin; the property's own otherwise.", "Europe/Berlin", type="string")
PERIOD = (
    _in_query(
        "period",
        "Which days; 28d where nothing is said.",
        "28d",
        type="string",
        enum=[key for key, _ in PRESETS if key != "custom"],
    ),
    FROM,
    TO,
    TIMEZONE,
)
COMPARE = _in_query(
    "compare", "With what: the period before, or the same dates a year earlier.", type="string", enum=_names(Compare)
)
FILTERS = (
    _in_query(
        "filter",
        f"dimension:operator:value, as country:is:DE; may be repeated, and all of them hold. Operators: "
        f"{', '.join(Operator)}; one_of takes values with | between them, is_set none.",
        ["country:is:DE"],
        type="array",
        items={"type": "string"},
        maxItems=MAX_FILTERS,
    ),
    _in_query("audience", "People, or what bots did, or both.", type="string", enum=_names(Audience)),
    _in_query("goal", "Which goal conversions are about, by its name; any of them otherwise.", type="string"),
)
INTERVAL = _in_query(
    "interval", "How wide a bucket is; what fits the period otherwise.", "day", type="string", enum=_names(Interval)
)
METRICS = _in_query(
    "metric",
    "Which numbers; may be repeated. All of them where nothing is said; a breakdown always has "
    "the count that its dimension is listed for.",
    ["visitors"],
    type="array",
    items={"type": "string", "enum": _names(Metric)},
)
ROWS = (
    _in_query("limit", "How many rows.", 100, type="integer", minimum=1, maximum=MAX_LIMIT, default=100),
    _in_query("offset", "After how many rows.", 0, type="integer", minimum=0, maximum=MAX_OFFSET, default=0),
    _in_query("search", "Rows whose label holds this, whatever the case.", type="string", maxLength=MAX_SEARCH_CHARS),
    _in_query("sort", "By which metric; by the dimension's own count otherwise.", type="string", enum=_names(Metric)),
    _in_query("order", "Most first, or fewest.", type="string", enum=["desc", "asc"], default="desc"),
)


def property_id(request: Request) -> UUID:
    """What is no id at all looks like an id that nothing has."""
    text = request.path_params["property_id"]
    try:
        return UUID(text)
    except ValueError:
        raise PropertyNotFound(text[:40]) from None


def asked(request: Request, parameters: Sequence[Parameter]) -> Pairs:
    """What stands in the address. Raises BadQuery for names that are not known, and for two values where one is."""
    pairs = request.query_params.multi_items()
    known = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    seen: set[str] = set()
    for name, value in pairs:
        if name not in known:
            raise BadQuery(f"There is no parameter {_shown(name)} here. {_known(known)}")
        if name in seen and name not in REPEATABLE:
            raise BadQuery(f"{name} is given twice. Choose one of its values.")
        if not value and name != "search":
            raise BadQuery(f"{name} is empty. Give it a value, or leave it out.")
        seen.add(name)
    return pairs


def metrics(pairs: Pairs) -> tuple[Metric, ...]:
    return tuple(dict.fromkeys(_metric(name, value) for name, value in pairs if name == "metric"))


def slice_of(pairs: Pairs) -> Slice:
    given = dict(pairs)
    search = given.get("search", "").strip()
    if len(search) > MAX_SEARCH_CHARS or not is_plain(search):
        raise BadQuery(f"search has {len(search):,} characters; {MAX_SEARCH_CHARS} plain ones are the most.")
    order = given.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise BadQuery(f"order={_shown(order)} is not known. Choose one of desc, asc.")
    return Slice(
        metrics=metrics(pairs),
        sort=_metric("sort", given["sort"]) if "sort" in given else None,
        ascending=order == "asc",
        search=search,
        limit=_whole("limit", given.get("limit", "100"), 1, MAX_LIMIT),
        offset=_whole("offset", given.get("offset", "0"), 0, MAX_OFFSET),
    )


def _metric(name: str, text: str) -> Metric:
    try:
        return Metric(text)
    except ValueError:
        raise BadQuery(f"{name}={_shown(text)} is not known. Choose one of {', '.join(Metric)}.") from None


def _whole(name: str, text: str, least: int, most: int) -> int:
    fits = text.isascii() and text.isdigit() and len(text) < 12
    if not fits or not least <= int(text) <= most:
        raise BadQuery(f"{name}={_shown(text)} is not a whole number from {least} to {most:,}.")
    return int(text)


def _known(names: Sequence[str]) -> str:
    return f"Known are {', '.join(names)}." if names else "It takes none."


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")
