"""Dashboard toolbar: property switcher, live visitor count, period picker, PDF button, More menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from nicegui import ui
from nicegui.element import Element

from proprium.figures.wording import period_text
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
from proprium.metrics.query.period import PRESETS, Compare
from proprium.metrics.results import LiveVisitors
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button, icon, menu_item, menu_link
from proprium.ui.components.text import span, text
from proprium.ui.dashboard.dom import set_prop, switch_class
from proprium.ui.dashboard.state import DashboardState

COMPARE_LABELS = {
    Compare.PREVIOUS: N_("Previous period"),
    Compare.YEAR: N_("Same period last year"),
    Compare.NONE: N_("No comparison"),
}
SHORT_PERIOD_LABELS = {
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "14d": N_("14 days"),
    "28d": N_("28 days"),
    "30d": N_("30 days"),
    "90d": N_("90 days"),
    "3mo": N_("3 months"),
    "6mo": N_("6 months"),
    "12mo": N_("12 months"),
}
"""What phones show of a preset's label: they have too little space for all of it."""
RIGHT_ALIGNED = 'anchor="bottom right" self="top right"'
MAX_PROPERTIES_WITHOUT_SEARCH = 9
"""More have a search field, and are built when the switcher opens for the first time: pages stay small."""

# Filters the entries in the browser alone; Enter opens the first one that is left.
FILTER_ENTRIES = """(event) => {
    const text = event.target.value.trim().toLowerCase();
    for (const entry of event.target.closest('.q-menu').querySelectorAll('a.property')) {
        entry.classList.toggle('off', !entry.querySelector('span').textContent.toLowerCase().includes(text));
    }
}"""
MOVE_TO_ENTRIES = """(event) => {
    if (event.key === 'Escape' || event.key === 'Tab') return;
    event.stopPropagation();  // the menu would take arrow keys and Enter
    const first = event.target.closest('.q-menu').querySelector('a.property:not(.off)');
    if (event.key === 'Enter') first?.click();
    if (event.key === 'ArrowDown') { event.preventDefault(); first?.focus(); }
}"""


class PropertySwitcher:
    """Menu of links to other properties, with a search; keys 1 to 9 open the first nine."""

    def __init__(self, current: Property, others: Sequence[Property], *, is_signed_in: bool) -> None:
        self._current, self._others = current, others
        self.property_urls = [f"/properties/{other.id}" for other in others]
        has_search = len(others) > MAX_PROPERTIES_WITHOUT_SEARCH
        with ui.element("button").classes(f"{theme.BUTTON} {theme.BARE} switcher") as box:
            box.props('type="button" aria-haspopup="menu"')
            box.props["aria-label"] = _("Property: {name}. Switch property", name=current.name)
            span(current.name, "cut")
            icon("down", "small")
            with ui.menu().classes("properties") as menu:
                if has_search:
                    search = ui.element("input").classes(theme.INPUT).props('type="search" autofocus tabindex="0"')
                    search.props["placeholder"] = search.props["aria-label"] = _("Search properties")
                    search.on("input", js_handler=FILTER_ENTRIES).on("keydown", js_handler=MOVE_TO_ENTRIES)
                    search.on("click", js_handler="(event) => event.stopPropagation()")  # it would close the menu
                self._list = ui.element("div").classes("entries")
                if is_signed_in:
                    ui.separator()
                    menu_link(_("All properties"), "/properties")
        if has_search:
            menu.on("before-show", self._build_entries)
        else:
            self._build_entries()

    def _build_entries(self) -> None:
        """Builds the entries, once."""
        if self._list.default_slot.children:
            return
        with self._list:
            for position, other in enumerate(self._others, start=1):
                kind = f"property {theme.ON if other.id == self._current.id else ''}"
                with menu_link(other.name, f"/properties/{other.id}", kind=kind):
                    if position < 10:
                        text("kbd", str(position), "end hide-m").props('aria-hidden="true"')


class LiveDot:
    """Live visitor count. Filters do not apply to it, which its tooltip says.

    Not a live region: it changes every few seconds, and a screen reader would never fall silent.
    """

    def __init__(self) -> None:
        with ui.element("div").classes("livebox").props('role="img" tabindex="0"') as box:
            self._dot = ui.element("span").classes(theme.DOT)
            self._count = span("–", "num")
            span(_("now"), theme.HIDE_ON_PHONE)
            self._tooltip = ui.tooltip(_("Current visitors")).props("max-width=240px")
        self._box = box

    def show(self, live: LiveVisitors) -> None:
        self._count.set_text(f"{live.now:,}")
        switch_class(self._dot, theme.ON, live.now > 0)
        tooltip_text = ngettext(
            "{count} visitor in the last {minutes}, {half_hour} in the last 30 minutes. Filters do not apply.",
            "{count} visitors in the last {minutes}, {half_hour} in the last 30 minutes. Filters do not apply.",
            live.now,
            minutes=ngettext("{count} minute", "{count} minutes", live.minutes),
            half_hour=f"{live.half_hour:,}",
        )
        self._tooltip.set_text(tooltip_text)
        set_prop(self._box, "aria-label", tooltip_text)


class PeriodPicker:
    """Menu of period presets, a custom date range and the comparison period."""

    def __init__(
        self,
        on_period: Callable[[str], None],
        on_dates: Callable[[date, date], None],
        on_compare: Callable[[Compare], None],
    ) -> None:
        def submit_dates() -> None:
            self._menu.close()
            on_dates(self._dates[0], self._dates[1])

        self._preset_items: dict[str, Element] = {}
        self._compare_items: dict[Compare, Element] = {}
        with ui.element("button").classes(theme.BUTTON) as self._button:
            self._button.props('type="button" aria-haspopup="dialog"')
            icon("calendar", theme.HIDE_ON_PHONE)
            with ui.element("span").classes("cut"):
                self._prefix_label = span("", theme.HIDE_ON_PHONE)  # hidden on phones: too little space
                self._label = span("")
            # Not a menu: it holds fields. Its two lists of choices are menus.
            with ui.menu().classes("periods").props(f'{RIGHT_ALIGNED} role="dialog"') as self._menu:
                self._menu.props["aria-label"] = _("Period")
                with ui.element("div").classes("choices").props('role="menu"') as choices:
                    choices.props["aria-label"] = _("Period")
                    for key, label in PRESETS:
                        if key != "custom":
                            self._preset_items[key] = menu_item(_(label), on_click=lambda key=key: on_period(key))
                with ui.element("div").classes("stack tight pad-s"):
                    self._first_input, self._last_input = (
                        self._build_date_field(_("From"), 0),
                        self._build_date_field(_("To"), 1),
                    )
                    button(_("Apply"), kind=theme.PRIMARY, on_click=submit_dates)
                    ui.label(_("Compare to")).classes("mut small")
                    with ui.element("div").props('role="menu"') as choices:
                        choices.props["aria-label"] = _("Compare to")
                        for compare, label in COMPARE_LABELS.items():
                            self._compare_items[compare] = menu_item(
                                _(label), on_click=lambda compare=compare: on_compare(compare)
                            )

    def show(self, state: DashboardState) -> None:
        period, zone = state.query.period, state.query.timezone.key
        label = period_text(period)
        short_label = _(SHORT_PERIOD_LABELS[period.key]) if period.key in SHORT_PERIOD_LABELS else label
        has_prefix = label.endswith(short_label)  # else the language puts it elsewhere
        self._prefix_label.set_text(label.removesuffix(short_label).replace(" ", "\u00a0") if has_prefix else "")
        self._label.set_text(short_label if has_prefix else label)
        set_prop(self._button, "aria-label", _("Period: {period}, {dates}", period=label, dates=period.dates))
        set_prop(self._button, "title", f"{period.dates} · {zone}")
        for key, item in self._preset_items.items():
            switch_class(item, theme.ON, key == period.key)
        for compare, item in self._compare_items.items():
            switch_class(item, theme.ON, compare is state.query.compare)
        self._dates = [period.first_day, period.last_day]
        set_prop(self._first_input, "value", period.first_day.isoformat())
        set_prop(self._last_input, "value", period.last_day.isoformat())

    def _build_date_field(self, label: str, index: int) -> Element:
        def set_date(value: Any) -> None:
            with suppress(ValueError):  # incomplete date
                self._dates[index] = date.fromisoformat(str(value))

        with ui.element("label").classes("daterow"):
            span(label)
            field = ui.element("input").classes(theme.INPUT).props('type="date"')
        field.on("change", lambda event: set_date(event.args), js_handler="(e) => emit(e.target.value)")
        # The menu would close on Enter and move on arrow keys, which a date input needs.
        return field.on("keydown", js_handler="(e) => e.stopPropagation()")


class PdfButton:
    """Starts the PDF report; disabled, with a progress text, while it is created."""

    def __init__(self, on_click: Callable[[], Any]) -> None:
        with (
            ui.element("button").classes(f"{theme.BUTTON} {theme.HIDE_ON_PHONE}").props('type="button"') as self._button
        ):
            icon("print")
            self._label = span("PDF")
        self._button.on("click", on_click)

    def show_busy(self, is_busy: bool) -> None:
        self._label.set_text(_("Printing …") if is_busy else "PDF")
        set_prop(self._button, "disabled", is_busy)
        set_prop(self._button, "aria-busy", "true" if is_busy else "false")


MenuEntry = tuple[str, str, Callable[[], Any] | str, str]
"""Entry of the More menu: label, icon, callback or URL, CSS classes."""
SEPARATOR: MenuEntry = ("", "", "", "")


class MoreMenu:
    """The More menu (⋮) of actions and links."""

    def __init__(self, entries: Sequence[MenuEntry]) -> None:
        more_button = button("", "dots", name=_("More")).props('aria-haspopup="menu"')
        with more_button, ui.menu().props(RIGHT_ALIGNED) as self._menu:
            pass
        self.show(entries)

    def show(self, entries: Sequence[MenuEntry]) -> None:
        """Replaces the entries."""
        self._menu.clear()
        with self._menu:
            for label, icon_name, target, classes in entries:
                if not label:
                    ui.separator()
                elif isinstance(target, str):
                    menu_link(label, target, icon_name, kind=classes)
                else:
                    menu_item(label, icon_name, on_click=target, kind=classes)
