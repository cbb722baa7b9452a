"""Catalogue of the ranked tiles: their titles, tabs, dimensions and empty states."""

from __future__ import annotations

from dataclasses import dataclass

from proprium.metrics.results import Dimension as D


@dataclass(frozen=True)
class Tab:
    """One list of a tile. Tabs with the same `group` share one top-level tab of that label."""

    key: str  # in the page's URL
    label: str
    dimension: D
    empty_text: str = ""  # shown by an empty list: what is missing and how to get it
    group: str = ""
    table_title: str = ""  # of the full table, where that is not the tile's title


@dataclass(frozen=True)
class Tile:
    key: str
    title: str
    tabs: tuple[Tab, ...]

    def tab(self, key: str | None) -> Tab:
        """Returns the tab with this key; the first tab for an unknown key."""
        return next((tab for tab in self.tabs if tab.key == key), self.tabs[0])


def campaign_tab(key: str, label: str) -> Tab:
    parameter = f"utm_{key}"
    empty_text = f"No visits with {parameter} in this period. Add it to links that you share: ?{parameter}=newsletter."
    return Tab(parameter, label, D(parameter), empty_text, "Campaigns", f"UTM {label.lower()}s")


NO_VISITS_TEXT = "No visits in this period."
PAGES = Tile(
    "pages",
    "Pages",
    (
        Tab("top", "Top", D.PAGE, "No page views in this period.", table_title="Top pages"),
        Tab("entry", "Entry", D.ENTRY_PAGE, NO_VISITS_TEXT, table_title="Entry pages"),
        Tab("exit", "Exit", D.EXIT_PAGE, NO_VISITS_TEXT, table_title="Exit pages"),
        Tab("events", "All events", D.EVENT_PAGE, "No events on pages in this period.", table_title="Pages by events"),
    ),
)
SOURCES = Tile(
    "sources",
    "Sources",
    (
        Tab("channels", "Channels", D.CHANNEL, NO_VISITS_TEXT, table_title="Channels"),
        Tab(
            "referrers",
            "Referrers",
            D.REFERRER,
            "No visits from links on other sites in this period.",
            table_title="Referrers",
        ),
        campaign_tab("source", "Source"),
        campaign_tab("medium", "Medium"),
        campaign_tab("campaign", "Campaign"),
        campaign_tab("term", "Term"),
        campaign_tab("content", "Content"),
    ),
)
NO_PLACES_TEXT = (
    "No visits with a known location in this period."
    " Locations need the GeoIP database: `proprium geoip refresh` downloads it."
)
PLACES = Tile(
    "places",
    "Places",
    (
        Tab("countries", "Countries", D.COUNTRY, NO_PLACES_TEXT, table_title="Countries"),
        Tab("regions", "Regions", D.REGION, NO_PLACES_TEXT, table_title="Regions"),
        Tab("cities", "Cities", D.CITY, NO_PLACES_TEXT, table_title="Cities"),
    ),
)
NO_SCREENS_TEXT = "No visits with a known screen size in this period."
DEVICES = Tile(
    "devices",
    "Devices",
    (
        Tab("browsers", "Name", D.BROWSER, NO_VISITS_TEXT, "Browser", "Browsers"),
        Tab("browser_versions", "Version", D.BROWSER_VERSION, NO_VISITS_TEXT, "Browser", "Browser versions"),
        Tab("platforms", "Name", D.PLATFORM, NO_VISITS_TEXT, "Platform", "Platforms"),
        Tab("platform_versions", "Version", D.PLATFORM_VERSION, NO_VISITS_TEXT, "Platform", "Platform versions"),
        Tab("devices", "Device", D.DEVICE, NO_VISITS_TEXT, table_title="Devices"),
        Tab("screens", "Size", D.SCREEN, NO_SCREENS_TEXT, "Screen", "Screen sizes"),
        Tab("screen_classes", "Class", D.SCREEN_CLASS, NO_SCREENS_TEXT, "Screen", "Screen classes"),
        Tab(
            "languages",
            "Language",
            D.LANGUAGE,
            "No visits with a known language in this period.",
            table_title="Languages",
        ),
    ),
)
EVENTS = Tile(
    "events",
    "Events",
    (
        Tab(
            "custom",
            "Custom",
            D.EVENT,
            'No custom events in this period. Send one: collectorQueue.push({event: "sign_up"}).'
            " See the documentation for examples.",
            table_title="Custom events",
        ),
    ),
)
NO_BOTS_TEXT = "No bot hits in this period."
BOTS = Tile(
    "bots",
    "Bots",
    (
        Tab("top", "Top", D.BOT, NO_BOTS_TEXT, table_title="Top bots"),
        Tab("categories", "Category", D.BOT_CATEGORY, NO_BOTS_TEXT, table_title="Bot categories"),
        Tab("pages", "Pages", D.BOT_PAGE, NO_BOTS_TEXT, table_title="Pages requested by bots"),
    ),
)
TILES = (PAGES, SOURCES, PLACES, DEVICES, EVENTS, BOTS)
