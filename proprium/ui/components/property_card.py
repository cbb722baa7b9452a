"""A property in the list: who is there now, its last day, and everything it ever counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.figures import numbers
from proprium.figures.sparkline import sparkline
from proprium.metrics.comparison import change
from proprium.metrics.overview import PropertyOverview
from proprium.metrics.results import Metric
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button, menu_item
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.text import span, words

GOOD = {True: "up", False: "down", None: ""}


class PropertyCard:
    """`on_change` is told when the property was renamed, published or deleted."""

    def __init__(self, found: Property, actions: Actions, *, may_edit: bool, on_change: Callable[[], Any]) -> None:
        with ui.element("article").classes(f"{theme.CARD} prop") as self.box:
            self._head(found, actions, may_edit, on_change)
            with ui.element("div").classes("now"):
                with ui.element("div"):
                    with ui.element("div").classes(theme.LINE):
                        self._visitors = span("–", "v num")
                        self._delta = span("", theme.DELTA)
                    span("Visitors in 24 hours", f"{theme.MUTED} {theme.SMALL}")
                self._spark = ui.html("", sanitize=False).props('aria-hidden="true"')
            with ui.element("div").classes("sums"):
                self._sums = {key: _sum(label) for key, label in SUMS.items()}
        self._delta.set_visibility(False)
        self._shown_line: tuple[float, ...] | None = None

    def show(self, seen: PropertyOverview, now: datetime) -> None:
        """Changes only what is another number now."""
        self._state(seen, now)
        self._visitors.set_text(numbers.short(seen.visitors_24h))
        self._visitors.props["title"] = numbers.exact(seen.visitors_24h)
        moved = change(seen.visitors_24h, seen.previous_24h, Metric.VISITORS)
        self._delta.set_text(moved.text)
        self._delta.classes(replace=f"{theme.DELTA} {GOOD[moved.is_good]}")
        self._delta.set_visibility(bool(seen.visitors_24h or seen.previous_24h))
        for key, label in self._sums.items():
            label.set_text(numbers.short(getattr(seen, key)))
            label.props["title"] = numbers.exact(getattr(seen, key))
        if self._shown_line != seen.sparkline:
            self._shown_line = seen.sparkline
            self._spark.set_content(sparkline(seen.sparkline))  # an SVG of numbers alone

    def _head(self, found: Property, actions: Actions, may_edit: bool, on_change: Callable[[], Any]) -> None:
        with ui.element("div").classes("head"):
            span(found.name[:1].upper(), "avatar").props('aria-hidden="true"')
            with ui.element("div").classes("grow"):
                with ui.element("div").classes(theme.LINE):
                    words("a", found.name, "name cut").props["href"] = f"/properties/{found.id}"
                    if found.is_public:
                        span("public", f"{theme.TAG}")
                self._id = span(str(found.id), f"{theme.MUTED} mono cut above").style("display: block; font-size: 11px")
            with ui.element("div").classes(f"{theme.LINE} above state").props('role="status"'):
                self._dot = ui.element("span").classes(theme.DOT)
                self._now = span("", f"{theme.SMALL} strong num")
            if may_edit:
                _menu(found, actions, on_change)

    def _state(self, seen: PropertyOverview, now: datetime) -> None:
        is_quiet = seen.is_quiet(now)
        if seen.last_event_at is None:
            text, tip = "waiting", "No event yet"
        elif is_quiet:
            text, tip = "quiet", f"The last event came on {seen.last_event_at:%-d %B %Y}"
        else:
            text, tip = (
                numbers.short(seen.live) if seen.live else "live",
                f"{seen.live:,} visitors in the last 5 minutes",
            )
        self._now.set_text(text)
        self._now.props["title"] = tip
        light = theme.ON if seen.live else "" if is_quiet else "lit"
        self._dot.classes(replace=f"{theme.DOT} {light}")


SUMS = {"events": "Events", "page_views": "Page views", "sessions": "Sessions"}


def _sum(label: str) -> Any:
    with ui.element("div"):
        value = span("–", "v num").style("display: block")
        span(label, f"{theme.MUTED} {theme.SMALL}")
    return value


def _menu(found: Property, actions: Actions, on_change: Callable[[], Any]) -> Element:
    with button("", "dots", kind=f"{theme.BARE} above", name=f"More about {found.name}") as box, ui.menu():
        menu_item("Site tag", "code", on_click=lambda: actions.show_tag(found))
        menu_item("Install", "bolt", on_click=lambda: ui.navigate.to(f"/properties/{found.id}/install"))
        menu_item("Settings", "settings", on_click=lambda: ui.navigate.to(f"/properties/{found.id}/settings"))
        menu_item("SQL", "table", on_click=lambda: ui.navigate.to(f"/sql?property={found.id}"))
        menu_item("Rename", "pencil", on_click=lambda: actions.rename(found, lambda _: on_change()))
        label, sign = ("Make private", "lock") if found.is_public else ("Make public", "globe")
        menu_item(label, sign, on_click=lambda: actions.set_public(found, not found.is_public, lambda _: on_change()))
        if not found.is_protected:
            ui.separator()
            menu_item("Delete", "trash", on_click=lambda: actions.delete(found, lambda _: on_change()), kind="bad")
    return box
