"""Segments: filters under a name, kept with the property by those who may change it, applied by everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nicegui import ui
from nicegui.element import Element

from proprium.errors import ProblemForReader
from proprium.metrics.query.goals import Segment, kept, segments_of
from proprium.properties import service
from proprium.ui import theme
from proprium.ui.components.chips import chip
from proprium.ui.components.controls import button, icon
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import text_input
from proprium.ui.components.text import span
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.services import Services
from proprium.ui.session import current_user

if TYPE_CHECKING:
    from proprium.ui.dashboard.controller import Screen


class Segments:
    """In the address stand the filters themselves: a link works where a segment is gone."""

    def __init__(self, services: Services, screen: Screen, listed: Sequence[Segment], *, can_edit: bool) -> None:
        self._services, self._screen, self._can_edit = services, screen, can_edit
        # A reader who could combine a private segment with filters would learn whom its values pick out.
        data_access = screen.view.facts.data_access
        self.listed = tuple(segment for segment in listed if data_access.allows_all(segment.filters))
        self._button: Element | None = None

    def build_menu(self) -> None:
        """In the bar; not there without a segment."""
        with button("Segments", "bookmark", name="Segments: saved filters") as self._button:
            self._button.classes(theme.HIDE_ON_PHONE).props('aria-haspopup="menu"')
            with ui.menu().classes("segments").props(RIGHT_ALIGNED) as self._menu:
                self._list = ui.element("div").classes("stack tight")
        self._draw()

    def build_save(self) -> None:
        """Beside the filters that are set."""
        if self._can_edit:
            button("Save these filters", "bookmark", kind=f"{theme.BARE} small", on_click=self.save)

    def build_choice(self, on_chosen: Callable[[], Any]) -> None:
        """The same as chips, for the dialog: on a phone the bar has no room for the menu."""
        if not self.listed:
            return

        def choose(segment: Segment) -> None:
            on_chosen()
            self.apply(segment)

        with ui.element("div").classes(f"{theme.LINE} wraps"):
            span("Saved", "mut small")
            for segment in self.listed:
                chip(segment.name, on_click=lambda segment=segment: choose(segment))

    def apply(self, segment: Segment) -> None:
        self._screen.go(lambda view: view.with_filters(*segment.filters))

    def save(self) -> None:
        """Asks for the name. One that exists is replaced, and the dialog says so."""
        filters = self._screen.view.query.filters
        with dialog("Save these filters") as box:
            name = text_input("Name", placeholder="Readers in Germany", autofocus=True)
            said = ui.label("").classes("mut small").props('role="status"')
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                keep = button("Save", "check", kind=theme.PRIMARY)

        def follow() -> None:
            is_known = (name.value or "").strip() in {other.name for other in self.listed}
            said.set_text("There is a segment of that name. It will be replaced." if is_known else "")

        def act() -> None:
            chosen = Segment((name.value or "").strip(), filters)
            if self._keep(lambda others: [*(other for other in others if other.name != chosen.name), chosen]):
                box.close()
                tell(f"Saved as {chosen.name}.")

        name.on_value_change(follow)
        name.on("keydown.enter", act)
        keep.on("click", act)
        box.open()

    def remove(self, segment: Segment) -> None:
        self._menu.close()
        if self._keep(lambda others: [other for other in others if other.name != segment.name]):
            tell(f"{segment.name} is no segment any more.")

    def _keep(self, change: Callable[[tuple[Segment, ...]], list[Segment]]) -> bool:
        """Into the property as it is now: somebody else may have saved one meanwhile."""
        database, property_id = self._services.database, self._screen.view.facts.id
        try:
            found = service.find_editable(database, property_id, current_user(self._services))
            wanted = [kept(segment) for segment in change(segments_of(found.segments))]
            self.listed = segments_of(service.update_settings(database, property_id, segments=wanted).segments)
        except ProblemForReader as problem:
            tell(str(problem), "bad")
            return False
        self._draw()
        return True

    def _draw(self) -> None:
        if self._button is None:
            return
        self._button.set_visibility(bool(self.listed))
        self._list.clear()
        with self._list:
            for segment in self.listed:
                self._entry(segment)

    def _entry(self, segment: Segment) -> None:
        told = ", ".join(wanted.label(self._screen.name) for wanted in segment.filters)
        with ui.element("div").classes(f"{theme.LINE} segment"):
            item = ui.menu_item(on_click=lambda: self.apply(segment)).classes("grow")
            item.props["title"] = told
            with item, ui.element("div"):
                span(segment.name, "strong cut")
                span(told, "mut small cut")
            if self._can_edit:
                with ui.element("button").classes(f"{theme.BUTTON} {theme.BARE} only").props('type="button"') as away:
                    away.props["aria-label"] = f"Remove the segment {segment.name}"
                    icon("trash", "small")
                away.on("click", lambda: self.remove(segment))
