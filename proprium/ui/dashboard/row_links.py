"""Row links: the URLs that the rows of lists open in another tab, and those of the site's own pages."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from proprium.metrics.query.filters import Filter, Operator, filter_for
from proprium.metrics.results import Dimension
from proprium.properties.site_address import is_host, page_url
from proprium.ui.dashboard.state import DashboardState

PAGE_DIMENSIONS = frozenset(
    {Dimension.PAGE, Dimension.ENTRY_PAGE, Dimension.EXIT_PAGE, Dimension.EVENT_PAGE, Dimension.BOT_PAGE}
)


class RowLinks:
    """Builds URLs from the state of one open dashboard; a plain click on a row never loads them."""

    def __init__(self, read_state: Callable[[], DashboardState], site_host: str) -> None:
        """`site_host`: the host of the property's site; "" if unknown."""
        self._read_state, self._site_host = read_state, site_host

    @property
    def key(self) -> Hashable:
        """Equal as long as the URLs of rows are.

        The chart's metric and open tabs are left out: `keyboard.LISTENER_SCRIPT` adds them when a link is used.
        """
        state = self._read_state()
        return state.query_key, state.event, state.event_key

    def filtered(self, *filters: Filter) -> str:
        """Returns the URL of the dashboard with these filters added."""
        state = self._read_state()
        for filter_ in filters:
            state = state.with_filter(filter_)
        return state.url()

    def row(self, dimension: str, value: str | None) -> str:
        """Returns the URL of the dashboard filtered for a row; "" if it cannot be."""
        filter_ = filter_for(dimension, value)
        return self.filtered(filter_) if filter_ else ""

    def event(self, name: str, key: str = "") -> str:
        """Returns the URL of the dashboard with an event, or one of its data keys, open in the events tile."""
        return self._read_state().with_event(name, key).url()

    def page(self, dimension: str, value: str | None) -> str:
        """Returns the URL of a page on the tracked site; "" for rows that are no pages."""
        if dimension not in PAGE_DIMENSIONS:
            return ""
        filtered_hosts = (
            filter_.value
            for filter_ in self._read_state().query.filters
            if filter_.dimension == Dimension.HOSTNAME and filter_.operator is Operator.IS and is_host(filter_.value)
        )
        return page_url(next(filtered_hosts, self._site_host), value)
