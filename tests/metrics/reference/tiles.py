"""Breakdowns of a dimension in descending order; tables of every value with every metric."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from proprium.metrics.query.filters import Filter, Operator
from tests.metrics.reference.hits import Hit
from tests.metrics.reference.numbers import Numbers, numbers, totals
from tests.metrics.reference.query_spec import Chosen, History, QuerySpec, Row, choose, is_about_hits
from tests.metrics.reference.spans import Span

CAMPAIGN = {"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}
VIEWED = {"page", "title", "section", "weekday", "hour", "weekday_hour"}
OF_BOTS = {"bot", "bot_category", "bot_page"}

Value = str | None


@dataclass(frozen=True)
class Tile:
    rows: list[tuple[Value, int]]  # all of them
    total: int  # what the card says, which the shares are of


def own_count(dimension: str) -> str:
    """What a tile counts: visitors, unless its name says otherwise."""
    if dimension in VIEWED:
        return "page_views"
    return "events" if is_about_hits(dimension) else "visitors"


def tile(history: History, spec: QuerySpec, span: Span, dimension: str) -> Tile:
    """Ties by value, what is not set last of them."""
    spec = about(spec, dimension)
    counts = _by_value(choose(history, spec, span), spec, dimension)
    total = totals(history, spec, span)[own_count(dimension)]
    return Tile(sorted(counts.items(), key=lambda row: (-row[1], row[0] is None, row[0] or "")), total)


def table(history: History, spec: QuerySpec, span: Span, dimension: str) -> Mapping[Value, Numbers]:
    """A row says what the cards would say if its value were filtered for."""
    spec = about(spec, dimension)
    rows = {value: Row(dimension, value) for value, _ in tile(history, spec, span, dimension).rows}
    return {value: numbers(history, spec, choose(history, spec, span, row)) for value, row in rows.items()}


def about(spec: QuerySpec, dimension: str) -> QuerySpec:
    """Tiles of bots are about bots; regions and cities are the open country's, where one is open."""
    if dimension in OF_BOTS:
        return replace(spec, audience="bots")
    if dimension in {"region", "city"} and spec.open_country:
        there = Filter("country", Operator.IS, (spec.open_country,))
        return replace(spec, filters=(*spec.filters, there), open_country=None)
    return spec


def _by_value(chosen: Chosen, spec: QuerySpec, dimension: str) -> dict[Value, int]:
    hits = chosen.hits
    if own_count(dimension) == "visitors":
        return _visitors(chosen.visits, dimension)
    if dimension in VIEWED:
        hits = [hit for hit in hits if hit.counts_as_view]
    if dimension == "event":
        hits = [hit for hit in hits if hit.is_custom]
    counted = Counter(hit.says(dimension, spec.zone) for hit in hits)
    if dimension.startswith("data."):
        counted.pop(None, None)
    return counted


def _visitors(hits: Sequence[Hit], dimension: str) -> dict[Value, int]:
    """By what their sessions say. Most visits have no campaign, and are not listed there."""
    visitors = defaultdict[Value, set[int | None]](set)
    for hit in hits:
        if hit.session:
            visitors[hit.session.value_of(dimension)].add(hit.visitor)
    return {value: len(who) for value, who in visitors.items() if value is not None or dimension not in CAMPAIGN}
