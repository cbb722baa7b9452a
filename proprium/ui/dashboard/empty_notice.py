"""Empty notice: what stands above the cards of a dashboard without any data, or without any that matches."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from nicegui import background_tasks, ui
from nicegui.element import Element

from proprium.errors import UserFacingError
from proprium.figures.wording import filter_text
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.filter_impact import FilterImpact, filter_impact
from proprium.metrics.results import Dashboard, Metric
from proprium.properties import service
from proprium.ui import theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import empty_state
from proprium.ui.components.hit_monitor import HitMonitor
from proprium.ui.components.panels import panel
from proprium.ui.components.sample_data import sample_button
from proprium.ui.dashboard.navigation import DashboardNavigation
from proprium.ui.services import Services
from proprium.ui.session import current_user


class EmptyNotice:
    """Notice on one open page; hidden while there is something to show."""

    def __init__(self, services: Services, navigation: DashboardNavigation, *, can_edit: bool) -> None:
        self._services, self._navigation, self._can_edit = services, navigation, can_edit
        self._client = ui.context.client
        self._box = ui.element("div").classes("notice")
        self._box.set_visibility(False)
        self._shown_cause: Hashable = None

    def show(self, result: Dashboard) -> None:
        """Shows the cause if the dashboard is empty; draws it once."""
        cause: Hashable = None
        if result.is_empty:
            cause = "no data"
        elif result.query.filters and not any(
            result.totals.values.get(metric) for metric in (Metric.VISITORS, Metric.EVENTS, Metric.PAGE_VIEWS)
        ):
            cause = self._navigation.state.query_key
        if cause == self._shown_cause:
            return
        self._shown_cause = cause
        self._box.clear()
        self._box.set_visibility(cause is not None)
        with self._box:
            if result.is_empty:
                self._build_no_data()
            elif cause is not None:
                self._build_no_match(cause)

    def _build_no_data(self) -> None:
        if not self._can_edit:
            with ui.element("section").classes(theme.CARD):
                empty_state(_("No data yet."), _("Visits appear here within a second, once the site sends them."))
            return
        property_id = self._navigation.state.facts.id
        user = current_user(self._services)
        property_ = service.find_visible(self._services.database, property_id, user)
        with ui.element("div").classes(theme.GRID_SIDE):
            with (
                ui.element("section").classes(theme.CARD),
                empty_state(_("No data yet."), _("Add the tracking code; visits appear here within a second."), "code"),
                ui.element("div").classes(f"{theme.LINE} wraps"),
            ):
                link_button(_("Tracking code"), f"/properties/{property_id}/install", "code", kind=theme.PRIMARY)
                sample_button(self._services, user)
            with panel(_("Live"), body_classes=""):
                HitMonitor(self._services, property_, is_on_dashboard=True).start()

    def _build_no_match(self, cause: Hashable) -> None:
        query = self._navigation.state.query_at(self._services.clock())
        card = ui.element("section").classes(theme.CARD).props('role="status"')
        with card:
            self._build_clear_button(empty_state(_("No data matches these filters"), icon_name="filter"))

        async def explain() -> None:
            try:
                impact = await asyncio.to_thread(filter_impact, self._services.warehouse, query)
            except UserFacingError:
                return  # a slow query: the button is enough
            if not (self._client.is_deleted or card.is_deleted or cause != self._shown_cause):
                card.clear()
                with card:
                    self._build_impact(impact, is_only_filter=len(query.filters) == 1)

        background_tasks.create(explain(), name="explain filters")

    def _build_impact(self, impact: FilterImpact, *, is_only_filter: bool) -> None:
        """Builds the notice with what the filters hide, or that they are not the reason."""
        if not impact.unfiltered:
            text = _("The filters are not the reason: this period has no visitors. Choose another period.")
            self._build_clear_button(empty_state(_("No visitors in this period"), text, "calendar"))
            return
        title, strictest = _("No data matches these filters"), impact.strictest
        if strictest is None:
            visitors = ngettext("{count} visitor", "{count} visitors", impact.unfiltered)
            text = _("Without the filters, this period has {visitors}.", visitors=visitors)
            self._build_clear_button(empty_state(title, text, "filter"))
            return
        visitors = ngettext("{count} visitor", "{count} visitors", impact.without[strictest])
        condition = filter_text(strictest, self._navigation.name_of)
        text = _("“{filter}” hides the most: without it, there are {visitors}.", filter=condition, visitors=visitors)
        actions = self._build_clear_button(empty_state(title, text, "filter"))
        if not is_only_filter:
            navigation = self._navigation
            with actions:
                button(
                    _("Remove “{filter}”", filter=condition),
                    on_click=lambda: navigation.navigate(lambda state: state.without_filter(strictest)),
                )

    def _build_clear_button(self, box: Element) -> Element:
        """Builds the button below an empty state; returns the line that more buttons can be added to."""
        navigation = self._navigation
        with box, ui.element("div").classes(f"{theme.LINE} wraps") as actions:
            button(
                _("Clear filters"),
                kind=theme.PRIMARY,
                on_click=lambda: navigation.navigate(lambda state: state.with_filters()),
            )
        return actions
