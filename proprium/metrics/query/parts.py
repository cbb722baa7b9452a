"""Dashboard parts: what a share link or an embedded dashboard shows, and the dimensions that each part lists."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from proprium.errors import BadQuery
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.catalog.dimensions import Dimension

MAP = "map"
"""Another name of the part of places, which holds the map and its list."""


class Part(StrEnum):
    """A part of the dashboard; the value is stored with share links and stands in URLs."""

    CARDS = "cards"
    CHART = "chart"
    PAGES = "pages"
    SOURCES = "sources"
    PLACES = "places"
    WEEK = "week"
    GOALS = "goals"
    DEVICES = "devices"
    EVENTS = "events"
    BOTS = "bots"


PART_LABELS = {
    Part.CARDS: N_("Metric cards"),
    Part.CHART: N_("Chart"),
    Part.PAGES: N_("Pages"),
    Part.SOURCES: N_("Sources"),
    Part.PLACES: N_("Map and places"),
    Part.WEEK: N_("Weekdays and hours"),
    Part.GOALS: N_("Goals"),
    Part.DEVICES: N_("Devices"),
    Part.EVENTS: N_("Events"),
    Part.BOTS: N_("Bots"),
}
ALL_PARTS = frozenset(Part)

_D = Dimension
LISTED_DIMENSIONS: dict[Part, tuple[Dimension, ...]] = {
    Part.PAGES: (_D.PAGE, _D.ENTRY_PAGE, _D.EXIT_PAGE, _D.EVENT_PAGE),
    Part.SOURCES: (
        *(_D.CHANNEL, _D.SOURCE, _D.REFERRER, _D.UTM_SOURCE, _D.UTM_MEDIUM, _D.UTM_CAMPAIGN, _D.UTM_TERM),
        _D.UTM_CONTENT,
    ),
    Part.PLACES: (_D.COUNTRY, _D.REGION, _D.CITY),
    Part.WEEK: (_D.WEEKDAY_HOUR, _D.WEEKDAY, _D.HOUR),
    Part.DEVICES: (
        *(_D.BROWSER, _D.BROWSER_VERSION, _D.PLATFORM, _D.PLATFORM_VERSION, _D.DEVICE, _D.SCREEN, _D.SCREEN_CLASS),
        _D.LANGUAGE,
    ),
    Part.EVENTS: (_D.EVENT, _D.EVENT_NAME),
    Part.BOTS: (_D.BOT, _D.BOT_CATEGORY, _D.BOT_PAGE),
}


def parts_from(names: Iterable[str]) -> frozenset[Part]:
    """Parses names of parts; none: all parts. Raises BadQuery for an unknown one, with the valid names."""
    parts: set[Part] = set()
    for name in filter(None, (name.strip().lower() for name in names)):
        try:
            parts.add(Part.PLACES if name == MAP else Part(name))
        except ValueError:
            raise BadQuery(
                _("There is no part {name}. Choose among {names}.", name=repr(name[:40]), names=", ".join(Part))
            ) from None
    return frozenset(parts) or ALL_PARTS


def dimensions_of(parts: frozenset[Part]) -> frozenset[str] | None:
    """Returns the dimensions that these parts list and filter by; None: all, for all parts."""
    if parts >= ALL_PARTS:
        return None
    return frozenset(dimension.value for part in parts for dimension in LISTED_DIMENSIONS.get(part, ()))
