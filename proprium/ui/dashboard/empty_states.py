"""Empty states of lists: the reason why one has no rows, one text for each cause."""

from __future__ import annotations

from dataclasses import dataclass, replace

from collector.geolocation import GeoIPState
from proprium.figures.names import NameLookup
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.catalog.dimension_spec import Codes, Scope
from proprium.metrics.results import Breakdown, Dashboard, Dimension
from proprium.ui.dashboard.state import DashboardState

NO_DATA_TEXT = N_("Nothing recorded yet.")
NO_MATCH_TEXT = N_("Nothing here matches the filters.")
GEOIP_TEXTS = {
    GeoIPState.MISSING: N_(
        "Visitors have no location: the server has no GeoIP database. `proprium geoip refresh` downloads one; your own"
        " file is set by PROPRIUM_GEOIP_PATH."
    ),
    GeoIPState.UNREADABLE: N_(
        "Visitors have no location: the server's GeoIP database cannot be read. `proprium geoip refresh --force`"
        " downloads a new one."
    ),
    GeoIPState.NO_PLACES: N_(
        "Visitors have no location: the file in PROPRIUM_GEOIP_PATH has no places. Use a GeoIP database of cities or"
        " countries."
    ),
}
BOTS_BLOCKED_TEXT = N_("Bots are blocked in the settings of this property, so none are recorded.")


@dataclass(frozen=True)
class EmptyReasons:
    """Facts about a property and a query that explain empty lists."""

    is_without_data: bool = False  # the property has no event at all
    has_filters: bool = False
    country: str = ""  # name of the country that is open on the map
    blocks_bots: bool = False
    geoip_state: GeoIPState = GeoIPState.READY  # of the database from which visitors get a location

    @classmethod
    def of(
        cls, state: DashboardState, dashboard: Dashboard | None, name_of: NameLookup, geoip_state: GeoIPState
    ) -> EmptyReasons:
        country = state.query.open_country
        return cls(
            is_without_data=dashboard is not None and dashboard.is_empty,
            has_filters=bool(state.query.filters),
            country=name_of(Dimension.COUNTRY, country) if country else "",
            blocks_bots=state.facts.discards_bots,
            geoip_state=geoip_state,
        )

    def text(self, dimension: str, period_text: str) -> str:
        """Returns the reason of an empty list of `dimension`; `period_text` if the period has nothing to list."""
        spec = Dimension(dimension).spec if dimension in set(Dimension) else None
        if spec and spec.scope is Scope.BOT and self.blocks_bots:
            return _(BOTS_BLOCKED_TEXT)
        if self.is_without_data:
            return _(NO_DATA_TEXT)
        if self.has_filters:
            return _(NO_MATCH_TEXT)
        if spec and spec.is_subdivision and self.country:
            return _("No visits from {country} in this period.", country=self.country)
        return period_text

    def explain(self, breakdown: Breakdown, period_text: str) -> tuple[Breakdown, str]:
        """Returns the rows to show, and the reason if there are none.

        Without a GeoIP database of places, a list of nothing but "Unknown" gives way to the reason.
        """
        has_only_unknown = bool(breakdown.rows) and all(row.value is None for row in breakdown.rows)
        if has_only_unknown and self.geoip_state in GEOIP_TEXTS and _is_place(breakdown.dimension):
            return replace(breakdown, rows=()), _(GEOIP_TEXTS[self.geoip_state])
        return breakdown, self.text(breakdown.dimension, period_text)


def _is_place(dimension: str) -> bool:
    return dimension == Dimension.CITY or (
        dimension in set(Dimension) and Dimension(dimension).spec.codes is Codes.PLACE
    )
