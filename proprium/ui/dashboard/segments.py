"""Segments menu: named sets of filters, saved with the property for all its readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.errors import UserFacingError
from proprium.figures.wording import filter_text
from proprium.i18n import gettext as _
from proprium.metrics.query.goals import Segment, parse_segments, to_stored
from proprium.properties import service
from proprium.ui import theme
from proprium.ui.components.chips import chip
from proprium.ui.components.controls import button, icon
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import text_input
from proprium.ui.components.text import span
from proprium.ui.dashboard.navigation import DashboardNavigation
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.services import Services
from proprium.ui.session import current_actor, current_user


class SegmentsMenu:
    """Applies, saves and deletes segments. The URL has the filters themselves, so links outlive a segment."""

    def __init__(
        self, services: Services, controller: DashboardNavigation, segments: Sequence[Segment], *, can_edit: bool
    ) -> None:
        self._services, self._controller, self._can_edit = services, controller, can_edit
        # Combining a segment on private data with filters would reveal which visitors have its values.
        data_access = controller.state.facts.data_access
        self.segments = tuple(segment for segment in segments if data_access.allows_all(segment.filters))
        self._button: Element | None = None

    def build_menu(self) -> None:
        """Builds the menu in the toolbar; hidden without segments."""
        with button(_("Segments"), "bookmark", name=_("Segments: saved filters")) as self._button:
            self._button.classes(theme.HIDE_ON_PHONE).props('aria-haspopup="dialog"')
            with ui.menu().classes("segments").props(f'{RIGHT_ALIGNED} role="dialog"') as self._menu:
                self._menu.props["aria-label"] = _("Segments: saved filters")
                self._list = ui.element("div").classes("stack tight")
        self._draw()

    def build_save_button(self) -> None:
        """Builds the save button beside the filter chips."""
        if self._can_edit:
            button(_("Save as segment"), "bookmark", kind=f"{theme.BARE} small", on_click=self.open_save_dialog)

    def build_chips(self, on_choose: Callable[[], Any]) -> None:
        """Builds chips for the filter dialog, since the menu is hidden on phones."""
        if not self.segments:
            return

        def choose(segment: Segment) -> None:
            on_choose()
            self.apply(segment)

        with ui.element("div").classes(f"{theme.LINE} wraps"):
            span(_("Segments"), "mut small")
            for segment in self.segments:
                chip(segment.name, on_click=lambda segment=segment: choose(segment))

    def apply(self, segment: Segment) -> None:
        self._controller.navigate(lambda state: state.with_filters(*segment.filters))

    def open_save_dialog(self) -> None:
        """Opens the dialog for the name. Warns that an existing segment of that name is replaced."""
        filters = self._controller.state.query.filters
        with dialog(_("Save as segment")) as box:
            name = text_input(_("Name"), placeholder=_("Visitors from Germany"), autofocus=True)
            hint_label = ui.label("").classes("mut small").props('role="status"')
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                save_button = button(_("Save"), "check", kind=theme.PRIMARY)

        def update_hint() -> None:
            is_existing = (name.value or "").strip() in {other.name for other in self.segments}
            hint_label.set_text(_("A segment with this name exists and will be replaced.") if is_existing else "")

        def submit() -> None:
            new_segment = Segment((name.value or "").strip(), filters)
            if self._store(
                lambda others: [*(other for other in others if other.name != new_segment.name), new_segment]
            ):
                box.close()
                toast(_("Segment {name} saved.", name=new_segment.name))

        name.on_value_change(update_hint)
        name.on("keydown.enter", submit)
        save_button.on("click", submit)
        box.open()

    def remove(self, segment: Segment) -> None:
        self._menu.close()
        if self._store(lambda others: [other for other in others if other.name != segment.name]):
            toast(_("Segment {name} deleted.", name=segment.name))

    def _store(self, change: Callable[[tuple[Segment, ...]], list[Segment]]) -> bool:
        """Applies `change` to the stored segments, which another user may have changed.

        Returns False after an error, which is shown as a toast.
        """
        database, property_id = self._services.database, self._controller.state.facts.id
        try:
            property_ = service.find_editable(database, property_id, current_user(self._services))
            stored_segments = [to_stored(segment) for segment in change(parse_segments(property_.segments))]
            self.segments = parse_segments(
                service.update_settings(
                    database, property_id, segments=stored_segments, actor=current_actor(self._services)
                ).segments
            )
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return False
        self._draw()
        return True

    def _draw(self) -> None:
        if self._button is None:
            return
        self._button.set_visibility(bool(self.segments))
        self._list.clear()
        with self._list:
            for segment in self.segments:
                self._build_entry(segment)

    def _build_entry(self, segment: Segment) -> None:
        description = ", ".join(filter_text(filter_, self._controller.name_of) for filter_ in segment.filters)
        with ui.element("div").classes(f"{theme.LINE} segment"):
            item = ui.menu_item(on_click=lambda: self.apply(segment)).classes("grow").props('role="button"')
            item.props["title"] = description
            with item, ui.element("div"):
                span(segment.name, "strong cut")
                span(description, "mut small cut")
            if self._can_edit:
                with (
                    ui.element("button")
                    .classes(f"{theme.BUTTON} {theme.BARE} only")
                    .props('type="button"') as remove_button
                ):
                    remove_button.props["aria-label"] = _("Delete segment {name}", name=segment.name)
                    icon("trash", "small")
                remove_button.on("click", lambda: self.remove(segment))
