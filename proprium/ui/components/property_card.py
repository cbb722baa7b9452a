"""Property card of the list: live visitors, visitors of the last 24 hours, and all-time totals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.figures.sparkline import sparkline
from proprium.figures.wording import change_text, change_tooltip
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.comparison import change
from proprium.metrics.overview import PropertyOverview
from proprium.metrics.results import Metric
from proprium.properties.permissions import Level
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button, menu_item, menu_link
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.text import span, text

DELTA_CLASSES = {True: "up", False: "down", None: ""}


class PropertyCard:
    """Card of one property; calls `on_change` after it was renamed, published or deleted."""

    def __init__(
        self, property_: Property, actions: PropertyActions, *, level: Level, on_change: Callable[[], Any]
    ) -> None:
        self._sum_elements: dict[str, TextElement] = {}
        with ui.element("article").classes(f"{theme.CARD} prop") as self.box:
            self._build_head(property_, actions, level, on_change)
            with ui.element("div").classes("now"):
                with ui.element("div"):
                    with ui.element("div").classes(theme.LINE):
                        self._visitors = span("–", "v num")
                        self._delta = span("", theme.DELTA)
                    span(_("Visitors, last 24 h"), f"{theme.MUTED} {theme.SMALL}")
                self._sparkline_box = ui.html("", sanitize=False).props('aria-hidden="true"')
            with ui.element("div").classes("sums"):
                for key, label in SUM_LABELS.items():
                    with ui.element("div"):
                        self._sum_elements[key] = span("–", "v num").style("display: block")
                        span(_(label), f"{theme.MUTED} {theme.SMALL}")
        self._delta.set_visibility(False)
        self._shown_sparkline: tuple[float, ...] | None = None

    def show(self, overview: PropertyOverview, now: datetime) -> None:
        """Updates the card; sends the sparkline only when it changed."""
        self._show_status(overview, now)
        self._visitors.set_text(numbers.short(overview.visitors_24h))
        self._visitors.props["title"] = numbers.exact(overview.visitors_24h)
        is_comparable = overview.is_comparable(now)
        delta = change(overview.visitors_24h, overview.previous_24h, Metric.VISITORS, is_comparable=is_comparable)
        self._delta.set_text(change_text(delta))
        self._delta.props["title"] = change_tooltip(delta, numbers.exact(overview.previous_24h))
        self._delta.classes(replace=f"{theme.DELTA} {DELTA_CLASSES[delta.is_good]}")
        self._delta.set_visibility(bool(overview.visitors_24h or overview.previous_24h))
        for key, label in self._sum_elements.items():
            label.set_text(numbers.short(getattr(overview, key)))
            label.props["title"] = numbers.exact(getattr(overview, key))
        if self._shown_sparkline != overview.sparkline:
            self._shown_sparkline = overview.sparkline
            # The SVG is built from numbers only, so it is safe without sanitising.
            self._sparkline_box.set_content(sparkline(overview.sparkline))

    def _build_head(
        self, property_: Property, actions: PropertyActions, level: Level, on_change: Callable[[], Any]
    ) -> None:
        with ui.element("div").classes("head"):
            span(property_.name[:1].upper(), "avatar").props('aria-hidden="true"')
            with ui.element("div").classes("grow"):
                with ui.element("div").classes(theme.LINE):
                    text("a", property_.name, "name cut").props["href"] = f"/properties/{property_.id}"
                    if property_.is_public:
                        span(_("public"), f"{theme.TAG}")
                self._id = span(str(property_.id), f"{theme.MUTED} mono cut above id").style(
                    "display: block; font-size: 11px"
                )
            with ui.element("div").classes(f"{theme.LINE} above state"):
                self._dot = ui.element("span").classes(theme.DOT)
                self._status_label = span("", f"{theme.SMALL} strong num")
            if level >= Level.EDIT:
                _build_menu(property_, actions, level, on_change)

    def _show_status(self, overview: PropertyOverview, now: datetime) -> None:
        is_quiet = overview.is_quiet(now)
        if overview.last_event_at is None:
            text, tooltip = _("No data yet"), _("No event has arrived yet")
        elif is_quiet:
            text = _("No traffic in 7 days")
            last_date = f"{overview.last_event_at:%-d %B %Y}"
            tooltip = _("Last event on {date}", date=last_date)
        else:
            text = _("{visitors} online", visitors=numbers.short(overview.live)) if overview.live else _("Active")
            tooltip = ngettext(
                "{count} visitor in the last 5 minutes", "{count} visitors in the last 5 minutes", overview.live
            )
        self._status_label.set_text(text)
        self._status_label.props["title"] = tooltip
        dot_class = theme.ON if overview.live else "" if is_quiet else "lit"
        self._dot.classes(replace=f"{theme.DOT} {dot_class}")


SUM_LABELS = {metric.value: metric.spec.title for metric in (Metric.EVENTS, Metric.PAGE_VIEWS, Metric.SESSIONS)}


def _build_menu(property_: Property, actions: PropertyActions, level: Level, on_change: Callable[[], Any]) -> None:
    with button("", "dots", kind=f"{theme.BARE} above", name=_("Actions for {name}", name=property_.name)), ui.menu():
        menu_item(_("Tracking code"), "code", on_click=lambda: actions.show_tag(property_))
        menu_link(_("Install"), f"/properties/{property_.id}/install", "bolt")
        menu_link(_("Settings"), f"/properties/{property_.id}/settings", "settings")
        menu_link("SQL", f"/sql?property={property_.id}", "table")
        menu_item(_("Rename"), "pencil", on_click=lambda: actions.rename(property_, lambda renamed: on_change()))
        if level < Level.OWN:
            return
        label, icon_name = (_("Make private"), "lock") if property_.is_public else (_("Make public"), "globe")
        menu_item(
            label,
            icon_name,
            on_click=lambda: actions.set_public(property_, not property_.is_public, lambda updated: on_change()),
        )
        if not property_.is_protected:
            ui.separator()
            delete = partial(actions.delete, property_, lambda deleted: on_change())
            menu_item(_("Delete"), "trash", on_click=delete, kind="bad")
