"""What the dashboard's tiles are called, what their tabs break down by, and what stands there when there is nothing."""

from __future__ import annotations

from dataclasses import dataclass

from proprium.metrics.results import Dimension as D


@dataclass(frozen=True)
class Tab:
    """One list of a tile. `group`: the tab that holds it, when it is one of several below one name."""

    key: str  # in the page's address
    label: str
    dimension: D
    empty_text: str = ""  # what an empty list says: how to get something into it
    group: str = ""


@dataclass(frozen=True)
class Tile:
    key: str
    title: str
    tabs: tuple[Tab, ...]

    def tab(self, key: str | None) -> Tab:
        """The tab of that key; the first for one that does not exist."""
        return next((tab for tab in self.tabs if tab.key == key), self.tabs[0])


def campaign_tab(key: str, label: str) -> Tab:
    parameter = f"utm_{key}"
    empty_text = f"No visit came with {parameter}. Add it to the links that you share, as in ?{parameter}=newsletter."
    return Tab(parameter, label, D(parameter), empty_text, group="Campaigns")


PAGES = Tile(
    "pages",
    "Pages",
    (
        Tab("top", "Top", D.PAGE, "No page was viewed in this period."),
        Tab("entry", "Entry", D.ENTRY_PAGE, "No visit began in this period."),
        Tab("exit", "Exit", D.EXIT_PAGE, "No visit ended in this period."),
        Tab("events", "All events", D.EVENT_PAGE, "No event was sent from a page in this period."),
    ),
)
SOURCES = Tile(
    "sources",
    "Sources",
    (
        Tab("channels", "Channels", D.CHANNEL, "No visit in this period."),
        Tab("referrers", "Referrers", D.REFERRER, "No visit in this period came by a link from another site."),
        campaign_tab("source", "Source"),
        campaign_tab("medium", "Medium"),
        campaign_tab("campaign", "Campaign"),
        campaign_tab("term", "Term"),
        campaign_tab("content", "Content"),
    ),
)
NO_PLACES_TEXT = "No visit has a place. Places need the GeoIP file: `proprium geoip refresh` fetches it."
PLACES = Tile(
    "places",
    "Places",
    (
        Tab("countries", "Countries", D.COUNTRY, NO_PLACES_TEXT),
        Tab("regions", "Regions", D.REGION, NO_PLACES_TEXT),
        Tab("cities", "Cities", D.CITY, NO_PLACES_TEXT),
    ),
)
DEVICES = Tile(
    "devices",
    "Devices",
    (
        Tab("browsers", "Name", D.BROWSER, "No visit in this period.", group="Browser"),
        Tab("browser_versions", "Version", D.BROWSER_VERSION, "No visit in this period.", group="Browser"),
        Tab("platforms", "Name", D.PLATFORM, "No visit in this period.", group="Platform"),
        Tab("platform_versions", "Version", D.PLATFORM_VERSION, "No visit in this period.", group="Platform"),
        Tab("devices", "Device", D.DEVICE, "No visit in this period."),
        Tab("screens", "Size", D.SCREEN, "No visit told the size of its screen.", group="Screen"),
        Tab("screen_classes", "Class", D.SCREEN_CLASS, "No visit told the size of its screen.", group="Screen"),
        Tab("languages", "Language", D.LANGUAGE, "No visit told its language."),
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
            'Send your own: collectorQueue.push({event: "sign_up"}). The documentation has recipes.',
        ),
    ),
)
BOTS = Tile(
    "bots",
    "Bots",
    (
        Tab("top", "Top", D.BOT, "No bot came by in this period."),
        Tab("categories", "Kind", D.BOT_CATEGORY, "No bot came by in this period."),
        Tab("pages", "Pages", D.BOT_PAGE, "No bot came by in this period."),
    ),
)
TILES = (PAGES, SOURCES, PLACES, DEVICES, EVENTS, BOTS)
