"""Dimensions: one entry each, with title, scope, SQL expression and labels. Nothing else says what a dimension is.

An entry is all that tables, filters, CSV, API and reports need; a ranked tile names it once more.
"""

from __future__ import annotations

from calendar import day_name
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement

from proprium.i18n import N_, ngettext
from proprium.metrics.catalog import expressions
from proprium.metrics.catalog.metrics import Metric
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]

DATA_PREFIX = "data."
DATA_KEYS = "data"
"""The list of data keys themselves, which is no Dimension."""
TOP_ROWS = 10
"""Rows of a tile."""
MAX_MAP_ROWS = 300
"""Rows of a tile with a map: every country, and every region of the open country."""


class Scope(StrEnum):
    """What a dimension's value belongs to."""

    HIT = "hit"
    SESSION = "session"  # the value of the session's first hit
    BOT = "bot"  # a hit of a bot


class Codes(StrEnum):
    """Kinds of values that are codes in the warehouse and have display names."""

    PLACE = "place"
    CATEGORY = "category"  # of bots


@dataclass(frozen=True)
class DimensionSpec:
    """The record of a dimension. Texts are marked for translation; display them through `gettext`."""

    key: str  # on the wire: JSON, CSV, URLs, filters
    title: str  # of a column, and in a select
    scope: Scope
    default_metric: Metric  # rows are ranked by it, and values without it are not listed
    column: Column | None = None  # over the table `event` or, of sessions, `session`
    clock: Callable[[Column], Column] | None = None  # instead: over the local clock of a hit, in microseconds
    condition: Column | None = None  # on hits: which have a value
    filter_title: str = ""  # on filter chips and in CSV, where that is not `title`
    filter_key: str | None = ""  # the dimension that a row is filtered by: "" itself, None not at all
    row_count_text: Callable[[int], str] = lambda count: ngettext("{count} row", "{count} rows", count)
    list_title: str = ""  # of a list of its values
    report_name: str = ""  # of its table in the JSON and the file names of reports; "": not in reports
    unset_label: str = N_("(not set)")
    hides_unset: bool = False  # True: no row for a missing value, which would dwarf the others
    codes: Codes | None = None
    is_subdivision: bool = False  # True: within the country that is open on the map
    is_page: bool = False  # True: its visitors are those who viewed it, not those with any event on it
    top_rows: int = TOP_ROWS

    @property
    def is_clock(self) -> bool:
        return self.clock is not None

    @property
    def count_title(self) -> str:
        """Title of the column that rows are ranked by."""
        return N_("Hits") if self.scope is Scope.BOT else self.default_metric.spec.title

    def label(self, value: str | None) -> str:
        """Returns the label of a value; None is a missing value.

        Of a clock dimension, "1" is "Monday", "09" is "09:00", "1-09" is "Monday 09:00".
        """
        if value is None:
            return self.unset_label
        if not self.is_clock:
            return value
        weekday, separator, hour = value.partition("-")
        if separator:
            return f"{day_name[int(weekday) - 1]} {hour}:00"
        return f"{value}:00" if len(value) == 2 else day_name[int(value) - 1]

    def count_text(self, count: int) -> str:
        """Returns a count of what rows are ranked by: "1 visitor", "1,204 page views", "3 hits"."""
        if self.scope is Scope.BOT:
            return ngettext("{count} hit", "{count} hits", count)
        text = self.default_metric.spec.count_text
        return f"{count:,}" if text is None else text(count)


class Dimension(StrEnum):
    """All dimensions, in the order of selects and reports; in addition, `data.<key>` is any custom key.

    A member is its key and has its record as `spec`.
    """

    spec: DimensionSpec

    def __new__(cls, spec: DimensionSpec | str) -> Dimension:
        """Makes a member of its record; a str is only looked up (`Dimension("page")`), by the enum itself."""
        assert isinstance(spec, DimensionSpec)
        member = str.__new__(cls, spec.key)
        member._value_ = spec.key
        member.spec = spec
        return member

    PAGE = DimensionSpec(
        key="page",
        title=N_("Page"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        column=event.c.page,
        row_count_text=lambda count: ngettext("{count} page", "{count} pages", count),
        list_title=N_("Pages"),
        report_name="Pages",
        is_page=True,
    )
    TITLE = DimensionSpec(
        key="title",
        title=N_("Title"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        column=event.c.title,
        is_page=True,
    )
    SECTION = DimensionSpec(
        key="section",
        title=N_("Section"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        column=expressions.SECTION,
        is_page=True,
    )
    ENTRY_PAGE = DimensionSpec(
        key="entry_page",
        title=N_("Entry page"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.entry_page,
        row_count_text=lambda count: ngettext("{count} entry page", "{count} entry pages", count),
        list_title=N_("Entry pages"),
        report_name="Entry pages",
    )
    EXIT_PAGE = DimensionSpec(
        key="exit_page",
        title=N_("Exit page"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.exit_page,
        row_count_text=lambda count: ngettext("{count} exit page", "{count} exit pages", count),
        list_title=N_("Exit pages"),
        report_name="Exit pages",
    )
    EVENT_PAGE = DimensionSpec(
        key="event_page",
        title=N_("Page (all events)"),
        filter_title=N_("Event page"),
        scope=Scope.HIT,
        default_metric=Metric.EVENTS,
        column=event.c.page,
        row_count_text=lambda count: ngettext("{count} page", "{count} pages", count),
        list_title=N_("Pages by events"),
        report_name="All events by page",
        filter_key="page",
        is_page=True,
    )
    CHANNEL = DimensionSpec(
        key="channel",
        title=N_("Channel"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.channel,
        row_count_text=lambda count: ngettext("{count} channel", "{count} channels", count),
        list_title=N_("Channels"),
        report_name="Channels",
    )
    REFERRER = DimensionSpec(
        key="referrer",
        title=N_("Referrer"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.referrer,
        row_count_text=lambda count: ngettext("{count} referrer", "{count} referrers", count),
        list_title=N_("Referrers"),
        report_name="Referrers",
        unset_label=N_("Direct / none"),
    )
    SOURCE = DimensionSpec(
        key="source",
        title=N_("Source"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.source,
        row_count_text=lambda count: ngettext("{count} source", "{count} sources", count),
        unset_label=N_("Direct / none"),
    )
    UTM_SOURCE = DimensionSpec(
        key="utm_source",
        title=N_("UTM source"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.utm_source,
        list_title=N_("UTM sources"),
        report_name="UTM sources",
        hides_unset=True,
    )
    UTM_MEDIUM = DimensionSpec(
        key="utm_medium",
        title=N_("UTM medium"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.utm_medium,
        list_title=N_("UTM mediums"),
        report_name="UTM media",
        hides_unset=True,
    )
    UTM_CAMPAIGN = DimensionSpec(
        key="utm_campaign",
        title=N_("UTM campaign"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.utm_campaign,
        list_title=N_("UTM campaigns"),
        report_name="UTM campaigns",
        hides_unset=True,
    )
    UTM_TERM = DimensionSpec(
        key="utm_term",
        title=N_("UTM term"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.utm_term,
        list_title=N_("UTM terms"),
        report_name="UTM terms",
        hides_unset=True,
    )
    UTM_CONTENT = DimensionSpec(
        key="utm_content",
        title=N_("UTM content"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.utm_content,
        list_title=N_("UTM contents"),
        report_name="UTM contents",
        hides_unset=True,
    )
    COUNTRY = DimensionSpec(
        key="country",
        title=N_("Country"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.country,
        row_count_text=lambda count: ngettext("{count} country", "{count} countries", count),
        list_title=N_("Countries"),
        report_name="Countries",
        unset_label=N_("Unknown"),
        codes=Codes.PLACE,
        top_rows=MAX_MAP_ROWS,
    )
    REGION = DimensionSpec(
        key="region",
        title=N_("Region"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.region,
        row_count_text=lambda count: ngettext("{count} region", "{count} regions", count),
        list_title=N_("Regions"),
        report_name="Regions",
        unset_label=N_("Unknown"),
        codes=Codes.PLACE,
        top_rows=MAX_MAP_ROWS,
        is_subdivision=True,
    )
    CITY = DimensionSpec(
        key="city",
        title=N_("City"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.city,
        row_count_text=lambda count: ngettext("{count} city", "{count} cities", count),
        list_title=N_("Cities"),
        report_name="Cities",
        unset_label=N_("Unknown"),
        is_subdivision=True,
    )
    DEVICE = DimensionSpec(
        key="device",
        title=N_("Device"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.device,
        row_count_text=lambda count: ngettext("{count} device", "{count} devices", count),
        list_title=N_("Devices"),
        report_name="Devices",
    )
    BROWSER = DimensionSpec(
        key="browser",
        title=N_("Browser"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.browser,
        row_count_text=lambda count: ngettext("{count} browser", "{count} browsers", count),
        list_title=N_("Browsers"),
        report_name="Browsers",
    )
    BROWSER_VERSION = DimensionSpec(
        key="browser_version",
        title=N_("Browser version"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=expressions.name_with_version(
            session.c.browser, dialect.text_part(session.c.browser_version, ".", 1)
        ),  # "Firefox 145"
        row_count_text=lambda count: ngettext("{count} browser version", "{count} browser versions", count),
    )
    PLATFORM = DimensionSpec(
        key="platform",
        title=N_("Platform"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.platform,
        row_count_text=lambda count: ngettext("{count} platform", "{count} platforms", count),
        list_title=N_("Platforms"),
        report_name="Platforms",
    )
    PLATFORM_VERSION = DimensionSpec(
        key="platform_version",
        title=N_("Platform version"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=expressions.name_with_version(session.c.platform, session.c.platform_version),  # "iOS 26.1"
        row_count_text=lambda count: ngettext("{count} platform version", "{count} platform versions", count),
    )
    SCREEN = DimensionSpec(
        key="screen",
        title=N_("Screen size"),
        filter_title=N_("Screen"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.screen,
        list_title=N_("Screen sizes"),
        report_name="Screens",
    )
    SCREEN_CLASS = DimensionSpec(
        key="screen_class",
        title=N_("Screen class"),
        filter_title=N_("Screen size"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=expressions.SCREEN_CLASS,
    )
    LANGUAGE = DimensionSpec(
        key="language",
        title=N_("Language"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.language,
        row_count_text=lambda count: ngettext("{count} language", "{count} languages", count),
        list_title=N_("Languages"),
        report_name="Languages",
    )
    VISITOR_KIND = DimensionSpec(
        key="visitor_kind",
        title=N_("New or returning"),
        filter_title=N_("Visitor"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=expressions.VISITOR_KIND,
        unset_label=N_("Unknown (no cookie)"),
    )
    HOSTNAME = DimensionSpec(
        key="hostname",
        title=N_("Hostname"),
        scope=Scope.SESSION,
        default_metric=Metric.VISITORS,
        column=session.c.hostname,
    )
    WEEKDAY = DimensionSpec(
        key="weekday",
        title=N_("Weekday"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        clock=expressions.weekday,
    )
    HOUR = DimensionSpec(
        key="hour",
        title=N_("Hour"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        clock=expressions.hour,
    )
    WEEKDAY_HOUR = DimensionSpec(
        key="weekday_hour",
        title=N_("Weekday and hour"),
        scope=Scope.HIT,
        default_metric=Metric.PAGE_VIEWS,
        clock=expressions.weekday_hour,
    )
    EVENT = DimensionSpec(
        key="event",
        title=N_("Custom event"),
        filter_title=N_("Event"),
        scope=Scope.HIT,
        default_metric=Metric.EVENTS,
        column=event.c.event,
        condition=event.c.is_custom,
        row_count_text=lambda count: ngettext("{count} custom event", "{count} custom events", count),
        list_title=N_("Custom events"),
        report_name="Custom events",
    )
    EVENT_NAME = DimensionSpec(
        key="event_name",
        title=N_("Event"),
        scope=Scope.HIT,
        default_metric=Metric.EVENTS,
        column=event.c.event,  # all events, including the tracking script's own
        row_count_text=lambda count: ngettext("{count} event name", "{count} event names", count),
        filter_key="event",
    )
    BOT = DimensionSpec(
        key="bot",
        title=N_("Bot"),
        scope=Scope.BOT,
        default_metric=Metric.EVENTS,
        column=event.c.bot_name,
        row_count_text=lambda count: ngettext("{count} bot", "{count} bots", count),
        list_title=N_("Bots"),
        report_name="Bots",
        unset_label=N_("Unknown bot"),
        filter_key=None,
    )
    BOT_CATEGORY = DimensionSpec(
        key="bot_category",
        title=N_("Bot category"),
        scope=Scope.BOT,
        default_metric=Metric.EVENTS,
        column=event.c.bot_category,
        row_count_text=lambda count: ngettext("{count} bot category", "{count} bot categories", count),
        list_title=N_("Bot categories"),
        report_name="Kinds of bots",
        unset_label=N_("Other"),
        codes=Codes.CATEGORY,
        filter_key=None,
    )
    BOT_PAGE = DimensionSpec(
        key="bot_page",
        title=N_("Page (bots)"),
        filter_title=N_("Bot page"),
        scope=Scope.BOT,
        default_metric=Metric.EVENTS,
        column=event.c.page,
        row_count_text=lambda count: ngettext("{count} page", "{count} pages", count),
        list_title=N_("Pages requested by bots"),
        report_name="Pages that bots read",
        filter_key="page",
    )


_SPEC_BY_KEY = {dimension.value: dimension.spec for dimension in Dimension}
_DATA_KEY_SPEC = DimensionSpec(
    key=DATA_PREFIX, title="", scope=Scope.HIT, default_metric=Metric.EVENTS, hides_unset=True
)


def spec_of(dimension: str) -> DimensionSpec:
    """Returns the record of a dimension, of data.<key> or of DATA_KEYS. Raises KeyError for another name."""
    if dimension.startswith(DATA_PREFIX) or dimension == DATA_KEYS:
        return replace(_DATA_KEY_SPEC, key=dimension, title=dimension.removeprefix(DATA_PREFIX))
    return _SPEC_BY_KEY[dimension]


def _filterable(scope: Scope) -> tuple[str, ...]:
    return tuple(
        dimension.value for dimension in Dimension if dimension.spec.scope is scope and dimension.spec.filter_key == ""
    )


HIT_DIMENSIONS = _filterable(Scope.HIT)
"""Filters on these, and on data.<key>, select hits; a session counts when one of its hits matches."""
SESSION_DIMENSIONS = _filterable(Scope.SESSION)
"""Filters on these apply to the session, which takes them from its first hit."""
REPORT_DIMENSIONS = tuple(dimension for dimension in Dimension if dimension.spec.report_name)
"""Dimensions with a table in reports, in their order."""
