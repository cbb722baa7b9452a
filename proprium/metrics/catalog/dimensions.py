"""Dimensions: one entry each, with title, scope, SQL expression and labels. Nothing else says what a dimension is.

An entry is all that tables, filters, CSV, API and reports need; a ranked tile names it once more.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from proprium.i18n import N_, ngettext
from proprium.metrics.catalog import expressions
from proprium.metrics.catalog.dimension_spec import Codes, DimensionSpec, Scope
from proprium.metrics.catalog.metrics import Metric
from proprium.warehouse import dialect
from proprium.warehouse.schema import event, session

DATA_PREFIX = "data."
DATA_KEYS = "data"
"""The list of data keys themselves, which is no Dimension."""
MAX_MAP_ROWS = 300
"""Rows of a tile with a map: every country, and every region of the open country."""


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
"""Filters on these apply to the session, which has each from one of its hits (projection.session_context)."""
REPORT_DIMENSIONS = tuple(dimension for dimension in Dimension if dimension.spec.report_name)
"""Dimensions with a table in reports, in their order."""
