"""Catalogue of the ranked tiles: their titles, tabs, dimensions and empty states."""

from __future__ import annotations

from dataclasses import dataclass

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.results import Dimension as D

EVENT_EXAMPLE = 'collectorQueue.push({event: "sign_up"})'


@dataclass(frozen=True)
class Tab:
    """One list of a tile. Tabs with the same `group` share one top-level tab of that label."""

    key: str  # in the page's URL
    label: str
    dimension: D
    empty_text: str = ""  # shown by an empty list: what is missing and how to get it
    group: str = ""
    table_title: str = ""  # of the full table, where that is not the tile's title

    @property
    def empty_message(self) -> str:
        """The text of an empty list, in the interface's language."""
        return _(self.empty_text, parameter=self.key, example=EVENT_EXAMPLE)


@dataclass(frozen=True)
class Tile:
    key: str
    title: str
    tabs: tuple[Tab, ...]

    def tab(self, key: str | None) -> Tab:
        """Returns the tab with this key; the first tab for an unknown key."""
        return next((tab for tab in self.tabs if tab.key == key), self.tabs[0])


NO_VISITS_TEXT = N_("No visits in this period.")
PAGES = Tile(
    "pages",
    N_("Pages"),
    (
        Tab("top", N_("Top"), D.PAGE, N_("No page views in this period."), table_title=N_("Top pages")),
        Tab("entry", N_("Entry"), D.ENTRY_PAGE, NO_VISITS_TEXT, table_title=N_("Entry pages")),
        Tab("exit", N_("Exit"), D.EXIT_PAGE, NO_VISITS_TEXT, table_title=N_("Exit pages")),
        Tab(
            "events",
            N_("All events"),
            D.EVENT_PAGE,
            N_("No events on pages in this period."),
            table_title=N_("Pages by events"),
        ),
    ),
)
NO_CAMPAIGNS_TEXT = N_(
    "No visits with {parameter} in this period. Add it to links that you share: ?{parameter}=newsletter."
)
SOURCES = Tile(
    "sources",
    N_("Sources"),
    (
        Tab("channels", N_("Channels"), D.CHANNEL, NO_VISITS_TEXT, table_title=N_("Channels")),
        Tab(
            "referrers",
            N_("Referrers"),
            D.REFERRER,
            N_("No visits from links on other sites in this period."),
            table_title=N_("Referrers"),
        ),
        Tab("utm_source", N_("Source"), D.UTM_SOURCE, NO_CAMPAIGNS_TEXT, N_("Campaigns"), N_("UTM sources")),
        Tab("utm_medium", N_("Medium"), D.UTM_MEDIUM, NO_CAMPAIGNS_TEXT, N_("Campaigns"), N_("UTM mediums")),
        Tab("utm_campaign", N_("Campaign"), D.UTM_CAMPAIGN, NO_CAMPAIGNS_TEXT, N_("Campaigns"), N_("UTM campaigns")),
        Tab("utm_term", N_("Term"), D.UTM_TERM, NO_CAMPAIGNS_TEXT, N_("Campaigns"), N_("UTM terms")),
        Tab("utm_content", N_("Content"), D.UTM_CONTENT, NO_CAMPAIGNS_TEXT, N_("Campaigns"), N_("UTM contents")),
    ),
)
PLACES = Tile(
    "places",
    N_("Places"),
    (
        Tab("countries", N_("Countries"), D.COUNTRY, NO_VISITS_TEXT, table_title=N_("Countries")),
        Tab("regions", N_("Regions"), D.REGION, NO_VISITS_TEXT, table_title=N_("Regions")),
        Tab("cities", N_("Cities"), D.CITY, NO_VISITS_TEXT, table_title=N_("Cities")),
    ),
)
NO_SCREENS_TEXT = N_("No visits with a known screen size in this period.")
DEVICES = Tile(
    "devices",
    N_("Devices"),
    (
        Tab("browsers", N_("Name"), D.BROWSER, NO_VISITS_TEXT, N_("Browser"), N_("Browsers")),
        Tab(
            "browser_versions", N_("Version"), D.BROWSER_VERSION, NO_VISITS_TEXT, N_("Browser"), N_("Browser versions")
        ),
        Tab("platforms", N_("Name"), D.PLATFORM, NO_VISITS_TEXT, N_("Platform"), N_("Platforms")),
        Tab(
            "platform_versions",
            N_("Version"),
            D.PLATFORM_VERSION,
            NO_VISITS_TEXT,
            N_("Platform"),
            N_("Platform versions"),
        ),
        Tab("devices", N_("Device"), D.DEVICE, NO_VISITS_TEXT, table_title=N_("Devices")),
        Tab("screens", N_("Size"), D.SCREEN, NO_SCREENS_TEXT, N_("Screen"), N_("Screen sizes")),
        Tab("screen_classes", N_("Class"), D.SCREEN_CLASS, NO_SCREENS_TEXT, N_("Screen"), N_("Screen classes")),
        Tab(
            "languages",
            N_("Language"),
            D.LANGUAGE,
            N_("No visits with a known language in this period."),
            table_title=N_("Languages"),
        ),
    ),
)
EVENTS = Tile(
    "events",
    N_("Events"),
    (
        Tab(
            "custom",
            N_("Custom"),
            D.EVENT,
            N_("No custom events in this period. Send one: {example}. See the documentation for examples."),
            table_title=N_("Custom events"),
        ),
    ),
)
NO_BOTS_TEXT = N_("No bot hits in this period.")
BOTS = Tile(
    "bots",
    N_("Bots"),
    (
        Tab("top", N_("Top"), D.BOT, NO_BOTS_TEXT, table_title=N_("Top bots")),
        Tab("categories", N_("Category"), D.BOT_CATEGORY, NO_BOTS_TEXT, table_title=N_("Bot categories")),
        Tab("pages", N_("Pages"), D.BOT_PAGE, NO_BOTS_TEXT, table_title=N_("Pages requested by bots")),
    ),
)
TILES = (PAGES, SOURCES, PLACES, DEVICES, EVENTS, BOTS)
