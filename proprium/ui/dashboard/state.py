"""Dashboard state: an immutable value that is parsed from the URL and serialised to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from urllib.parse import urlencode

from proprium.errors import BadQuery
from proprium.i18n import gettext as _
from proprium.metrics.query.filters import DATA_PREFIX, MAX_KEY_CHARS, Filter, Operator, is_valid_text
from proprium.metrics.query.period import (
    Compare,
    Interval,
    Period,
    custom_period,
    default_interval,
    hours_period,
    intervals_for,
    preset_period,
)
from proprium.metrics.query.query import Query
from proprium.metrics.query.url import Params, PropertyFacts, query_from, query_to_params
from proprium.metrics.results import Dimension, Metric
from proprium.ui.dashboard.tiles import PLACES, TILES, Tab, Tile

JOINT_OPERATORS = frozenset({Operator.IS_NOT, Operator.NOT_CONTAINS})
"""Operators of which one dimension can have several filters."""
CUSTOM_PREFIX = "event:"  # of a chart metric that is a custom event, followed by its name


@dataclass(frozen=True)
class DashboardState:
    """The query, the chart's metric, the open tabs and the opened event."""

    facts: PropertyFacts
    query: Query
    metric: str = Metric.VISITORS.value  # or event:<name>
    tabs: Mapping[str, str] = field(default_factory=dict)  # tile key → tab key, unless it is the tile's first tab
    event: str = ""  # event opened in the events tile, which lists its data keys
    event_key: str = ""  # data key opened in the events tile, which lists its values
    path: str = ""  # of the page; "": that of the property's dashboard
    page_params: tuple[tuple[str, str], ...] = ()  # further URL parameters of the page, such as an embed's theme

    def __post_init__(self) -> None:
        """Raises DataKeyNotPublic if the reader may not see the opened key."""
        if self.event_key:
            self.query.data_access.require(DATA_PREFIX + self.event_key)

    @property
    def custom_event(self) -> str | None:
        """Name of the custom event shown in the chart; None for a metric."""
        return self.metric.removeprefix(CUSTOM_PREFIX) if self.metric.startswith(CUSTOM_PREFIX) else None

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Dimensions of the open tabs and the map; other tabs are queried when opened."""
        # The countries as well while one is open: it may have no map of its regions.
        on_map = (Dimension.COUNTRY, Dimension.REGION) if self.query.map_country else (Dimension.COUNTRY,)
        dimensions = dict.fromkeys((*(self.tab(tile).dimension for tile in TILES), *on_map))
        return tuple(filter(self.query.data_access.allows, dimensions))

    @property
    def needs_exits(self) -> bool:
        """Whether to compute exit rates: only the chart can show them."""
        return self.custom_event is None and Metric(self.metric).spec.needs_exits

    @property
    def cache_key(self) -> tuple[object, ...]:
        """Cache key of the dashboard's result, shared by pages; without presentation and current time."""
        return (
            *self.query_key,
            self.facts.custom_cards,
            self.facts.goals,
            self.facts.limits,
            self.dimensions,
            self.needs_exits,
        )

    @property
    def query_key(self) -> tuple[object, ...]:
        """Cache key of a breakdown of one dimension; independent of cards and open tabs."""
        access = self.query.data_access
        shared = (*query_to_params(self.query), self.query.timezone.key, access.restriction)
        has_data = any(filter_.data_key is not None for filter_ in self.query.filters)
        # Data values depend on the data access: readers of public pages see them without query strings.
        return (*shared, access) if has_data else shared

    def tab(self, tile: Tile) -> Tab:
        """Returns the active tab; of places, regions by default while the map shows one country."""
        key = self.tabs.get(tile.key)
        if key is None and tile is PLACES and self.query.map_country:
            return tile.tab("regions")
        return tile.tab(key)

    def params(self) -> list[tuple[str, str]]:
        """Returns the URL parameters, defaults left out."""
        pairs = query_to_params(self.query)
        if self.metric != Metric.VISITORS:
            pairs.append(("metric", self.metric))
        event_pairs = [("event", self.event), ("key", self.event_key)]
        pairs += [(name, value) for name, value in event_pairs if value]
        pairs += [(tile.key, self.tabs[tile.key]) for tile in TILES if tile.key in self.tabs]
        return [*pairs, *self.page_params]

    def url(self) -> str:
        """Returns path and query string, defaults left out."""
        path = self.path or f"/properties/{self.facts.id}"
        return path + (f"?{urlencode(pairs)}" if (pairs := self.params()) else "")

    def query_at(self, now: datetime) -> Query:
        """Returns the query at a later time: preset periods move with the clock."""
        if now == self.query.now:
            return self.query
        current_period = self.query.period
        if current_period.key != "custom":
            current_period = preset_period(current_period.key, now, self.query.timezone, self.facts.first_event)
        return replace(self.query, period=current_period, now=now)

    def with_period(self, key: str, now: datetime) -> DashboardState:
        return self._with_new_period(preset_period(key, now, self.query.timezone, self.facts.first_event))

    def with_dates(self, first: date, last: date) -> DashboardState:
        """Sets a custom period, both dates included; swaps them if reversed."""
        return self._with_new_period(custom_period(min(first, last), max(first, last), self.query.timezone))

    def with_hours(self, start: datetime, end: datetime) -> DashboardState:
        """Sets a period between two local times, the end excluded."""
        return self._with_new_period(hours_period(start, end, self.query.timezone))

    def with_period_step(self, step_count: int, now: datetime) -> DashboardState:
        """Moves by a number of periods; negative is earlier. Never walks into the future or before the first event.

        Where the days match a preset, the period is that preset again.
        """
        new_period = self.query.period.step(step_count)
        first_event = self.facts.first_event
        if new_period.start_utc > now or first_event is None or new_period.end_utc <= first_event:
            return self
        if new_period.has_hours:
            return self._with_new_period(new_period)
        for key in ("today", "yesterday", "7d", "14d", "28d", "30d", "90d", "3mo", "6mo", "12mo", "mtd"):
            preset = preset_period(key, self.query.now, self.query.timezone)
            if (preset.first_day, preset.last_day) == (new_period.first_day, new_period.last_day):
                return self._with_new_period(preset)
        return self._with_new_period(new_period)

    def with_compare(self, compare: Compare) -> DashboardState:
        return replace(self, query=replace(self.query, compare=compare))

    def with_interval(self, interval: Interval) -> DashboardState:
        return replace(self, query=replace(self.query, interval=interval))

    def with_filter(self, filter_: Filter) -> DashboardState:
        """Adds a filter; replaces one of the same dimension and operator, unless both can hold.

        Two countries match nothing, since a visitor is in one only; two countries that are not the visitor's do.
        """
        other_filters = [
            other
            for other in self.query.filters
            if other != filter_
            and (
                filter_.operator in JOINT_OPERATORS
                or (other.dimension, other.operator) != (filter_.dimension, filter_.operator)
            )
        ]
        return self.with_filters(*other_filters, filter_)

    def without_filter(self, filter_: Filter) -> DashboardState:
        return self.with_filters(*(other for other in self.query.filters if other != filter_))

    def with_filters(self, *filters: Filter) -> DashboardState:
        return replace(self, query=self.query.with_filters(*filters))

    def with_country(self, country: str | None) -> DashboardState:
        """Opens a country on the map, None for the world; resets the places tab."""
        tabs = {tile: tab for tile, tab in self.tabs.items() if tile != PLACES.key}
        return replace(self, query=replace(self.query, open_country=country), tabs=tabs)

    def with_metric(self, metric: str) -> DashboardState:
        return replace(self, metric=metric)

    def with_event(self, name: str, key: str = "") -> DashboardState:
        """Opens an event or its data key in the events tile; "" lists all events."""
        return replace(self, event=name, event_key=key if name else "")

    def with_goal(self, name: str) -> DashboardState:
        """Sets the goal counted by the conversion metrics; "" counts all goals."""
        return replace(self, query=replace(self.query, goal=name))

    def with_tab(self, tile: Tile, key: str) -> DashboardState:
        tabs = {other: tab for other, tab in self.tabs.items() if other != tile.key}
        state = replace(self, tabs=tabs)
        return state if state.tab(tile).key == key else replace(self, tabs=tabs | {tile.key: key})

    def with_cards(self, names: tuple[str, ...]) -> DashboardState:
        """Sets the custom cards; the chart shows visitors if its card was removed."""
        metric = self.metric if self.custom_event is None or self.custom_event in names else Metric.VISITORS.value
        facts = replace(self.facts, custom_cards=names)
        return replace(self, facts=facts, query=replace(self.query, custom_cards=names), metric=metric)

    def _with_new_period(self, new_period: Period) -> DashboardState:
        valid_interval = self.query.interval if self.query.interval in intervals_for(new_period) else None
        is_default_interval = self.query.interval is default_interval(self.query.period)
        interval = default_interval(new_period) if valid_interval is None or is_default_interval else valid_interval
        return replace(self, query=replace(self.query, period=new_period, interval=interval))


def state_from(
    params: Params,
    facts: PropertyFacts,
    now: datetime,
    *,
    path: str = "",
    page_params: tuple[tuple[str, str], ...] = (),
) -> DashboardState:
    """Parses URL parameters. Raises BadQuery with the invalid value and valid ones, and DataKeyNotPublic.

    `path` and `page_params` are the page's own, for its URLs.
    """
    multi_items = getattr(params, "multi_items", None)
    pairs = list(multi_items() if multi_items else params.items() if isinstance(params, Mapping) else params)
    query = query_from(pairs, facts, now)
    values = dict(pairs)
    tabs = {tile.key: tile.tab(values.get(tile.key)).key for tile in TILES if values.get(tile.key)}
    metric = _parse_metric(values.get("metric", ""))
    state = DashboardState(facts, query, metric, path=path, page_params=page_params)
    state = state.with_event(_event_text(values, "event"), _event_text(values, "key"))
    for tile in TILES:
        if tile.key in tabs:
            state = state.with_tab(tile, tabs[tile.key])
    return state


def _event_text(values: Mapping[str, str], parameter: str) -> str:
    """Validates the name of an event or of a data key. Raises BadQuery."""
    text = values.get(parameter, "")
    if len(text) > MAX_KEY_CHARS or not is_valid_text(text):
        printable_text = text[:40].encode("ascii", "replace").decode()
        raise BadQuery(
            _(
                "{parameter}={value} is not a valid name. Remove {parameter}=… from the address to see all.",
                parameter=parameter,
                value=repr(printable_text),
            )
        )
    return text


def _parse_metric(text: str) -> str:
    if not text:
        return Metric.VISITORS.value
    if text.startswith(CUSTOM_PREFIX) and 0 < len(text) - len(CUSTOM_PREFIX) <= 255:
        return text
    try:
        return Metric(text).value
    except ValueError:
        metric_names = ", ".join(Metric)
        message = _(
            "metric={value} is not known. Choose one of {metrics}, or event:<name>.",
            value=repr(text[:40]),
            metrics=metric_names,
        )
        raise BadQuery(message) from None
