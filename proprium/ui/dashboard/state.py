"""What a person looks at, as a value: the page's address says it all, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from proprium.errors import BadQuery
from proprium.metrics.query.filters import DATA_PREFIX, MAX_KEY_CHARS, Filter, is_plain
from proprium.metrics.query.period import Compare, Interval, Period, custom, default_interval, intervals_for, period
from proprium.metrics.query.query import Query
from proprium.metrics.query.url import Params, PropertyFacts, query_from, query_to_params
from proprium.metrics.results import Dimension, Metric
from proprium.ui.dashboard.tiles import PLACES, TILES, Tab, Tile

CUSTOM = "event:"  # before the name of a custom event that the chart draws


@dataclass(frozen=True)
class View:
    """The question, and how the page shows its answer: the chart's metric and the open tabs."""

    facts: PropertyFacts
    query: Query
    metric: str = Metric.VISITORS.value  # or event:<name>
    tabs: Mapping[str, str] = field(default_factory=dict)  # tile → tab, where that is not the tile's first
    event: str = ""  # whose keys of `data` the events tile lists
    event_key: str = ""  # whose values it lists

    def __post_init__(self) -> None:
        """Raises DataKeyNotPublic where the reader may not see the open key."""
        if self.event_key:
            self.query.data_access.require(DATA_PREFIX + self.event_key)

    @property
    def custom_event(self) -> str | None:
        """The custom event that the chart draws instead of a metric."""
        return self.metric.removeprefix(CUSTOM) if self.metric.startswith(CUSTOM) else None

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What the open tabs and the map list; the others are asked for when somebody opens them."""
        mapped = Dimension.REGION if self.query.open_country else Dimension.COUNTRY
        return tuple(dict.fromkeys((*(self.tab(tile).dimension for tile in TILES), mapped)))

    @property
    def needs_exits(self) -> bool:
        """Only the chart may show them."""
        return self.metric == Metric.EXIT_RATE

    @property
    def key(self) -> tuple[object, ...]:
        """The same for everybody who asks the same; how it is shown and what time it is are no part of it."""
        return (*self.question, self.facts.custom_cards, self.facts.goals, self.dimensions, self.needs_exits)

    @property
    def question(self) -> tuple[object, ...]:
        """The same where a table of one dimension has the same rows: whatever the cards and open tabs are."""
        shared = (*query_to_params(self.query), self.query.timezone.key)
        has_data = any(wanted.data_key is not None for wanted in self.query.filters)
        return (*shared, self.query.data_access) if has_data else shared  # readers see data without query strings

    def tab(self, tile: Tile) -> Tab:
        key = self.tabs.get(tile.key)
        if key is None and tile is PLACES and self.query.open_country:
            return tile.tab("regions")
        return tile.tab(key)

    def params(self) -> list[tuple[str, str]]:
        pairs = query_to_params(self.query)
        if self.metric != Metric.VISITORS:
            pairs.append(("metric", self.metric))
        opened = [("event", self.event), ("key", self.event_key)]
        pairs += [(name, value) for name, value in opened if value]
        return pairs + [(tile.key, self.tabs[tile.key]) for tile in TILES if tile.key in self.tabs]

    def address(self) -> str:
        """Path and query; the shortest that shows the same again."""
        return f"/properties/{self.facts.id}" + (f"?{urlencode(pairs)}" if (pairs := self.params()) else "")

    def at(self, now: datetime) -> Query:
        """The question asked again later: a period that moves with the clock has moved."""
        if now == self.query.now:
            return self.query
        moved = self.query.period
        if moved.key != "custom":
            moved = period(moved.key, now, self.query.timezone, self.facts.first_event)
        return replace(self.query, period=moved, now=now)

    def with_period(self, key: str, now: datetime) -> View:
        return self._over(period(key, now, self.query.timezone, self.facts.first_event))

    def with_dates(self, first: date, last: date) -> View:
        """Both included; exchanged when they are the wrong way round."""
        return self._over(custom(min(first, last), max(first, last), self.query.timezone))

    def stepped(self, count: int) -> View:
        """As many periods later, or earlier; back on today it is the preset again."""
        stepped = self.query.period.step(count)
        for key in ("today", "yesterday", "7d", "14d", "28d", "30d", "90d", "3mo", "6mo", "12mo", "mtd"):
            preset = period(key, self.query.now, self.query.timezone)
            if (preset.first_day, preset.last_day) == (stepped.first_day, stepped.last_day):
                return self._over(preset)
        return self._over(stepped)

    def with_compare(self, compare: Compare) -> View:
        return replace(self, query=replace(self.query, compare=compare))

    def with_interval(self, interval: Interval) -> View:
        return replace(self, query=replace(self.query, interval=interval))

    def with_filter(self, wanted: Filter) -> View:
        """A further value of the same dimension takes the place of the one before: nobody is in two countries."""
        kept = [
            other
            for other in self.query.filters
            if (other.dimension, other.operator) != (wanted.dimension, wanted.operator)
        ]
        return self.with_filters(*kept, wanted)

    def without_filter(self, unwanted: Filter) -> View:
        return self.with_filters(*(other for other in self.query.filters if other != unwanted))

    def with_filters(self, *filters: Filter) -> View:
        return replace(self, query=self.query.with_filters(*filters))

    def with_country(self, country: str | None) -> View:
        """Opens a country on the map, or goes back to the world; its list follows."""
        tabs = {tile: tab for tile, tab in self.tabs.items() if tile != PLACES.key}
        return replace(self, query=replace(self.query, open_country=country), tabs=tabs)

    def with_metric(self, metric: str) -> View:
        return replace(self, metric=metric)

    def with_event(self, name: str, key: str = "") -> View:
        """Opens an event in its tile, or one of its keys; "" goes back to all events."""
        return replace(self, event=name, event_key=key if name else "")

    def with_goal(self, name: str) -> View:
        """The goal that conversions are about; "": any of them."""
        return replace(self, query=replace(self.query, goal=name))

    def with_tab(self, tile: Tile, key: str) -> View:
        tabs = {other: tab for other, tab in self.tabs.items() if other != tile.key}
        changed = replace(self, tabs=tabs)
        return changed if changed.tab(tile).key == key else replace(self, tabs=tabs | {tile.key: key})

    def with_cards(self, names: tuple[str, ...]) -> View:
        metric = self.metric if self.custom_event is None or self.custom_event in names else Metric.VISITORS.value
        facts = replace(self.facts, custom_cards=names)
        return replace(self, facts=facts, query=replace(self.query, custom_cards=names), metric=metric)

    def _over(self, span: Period) -> View:
        kept = self.query.interval if self.query.interval in intervals_for(span) else None
        was_default = self.query.interval is default_interval(self.query.period)
        interval = default_interval(span) if kept is None or was_default else kept
        return replace(self, query=replace(self.query, period=span, interval=interval))


def view_from(params: Params, facts: PropertyFacts, now: datetime) -> View:
    """What an address shows. Raises BadQuery with the value at fault and the way out, and DataKeyNotPublic."""
    pairs = _pairs(params)
    query = query_from(pairs, facts, now)
    given = dict(pairs)
    tabs = {tile.key: tile.tab(given.get(tile.key)).key for tile in TILES if given.get(tile.key)}
    view = View(facts, query, _metric(given.get("metric", "")))
    view = view.with_event(_name(given, "event"), _name(given, "key"))
    for tile in TILES:
        if tile.key in tabs:
            view = view.with_tab(tile, tabs[tile.key])
    return view


def _pairs(params: Any) -> list[tuple[str, str]]:
    multi_items = getattr(params, "multi_items", None)
    if multi_items:
        return list(multi_items())
    return list(params.items() if isinstance(params, Mapping) else params)


def _name(given: Mapping[str, str], what: str) -> str:
    """Of an event or of a key of its data."""
    text = given.get(what, "")
    if len(text) > MAX_KEY_CHARS or not is_plain(text):
        shown = text[:40].encode("ascii", "replace").decode()
        raise BadQuery(f"{what}={shown!r} is none that can be sent. Leave {what}=… away to see them all.")
    return text


def _metric(text: str) -> str:
    if not text:
        return Metric.VISITORS.value
    if text.startswith(CUSTOM) and 0 < len(text) - len(CUSTOM) <= 255:
        return text
    try:
        return Metric(text).value
    except ValueError:
        known = ", ".join(Metric)
        raise BadQuery(f"metric={text[:40]!r} is not known. Choose one of {known}, or event:<name>.") from None
