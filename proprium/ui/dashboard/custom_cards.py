"""Custom cards menu: switches that show the count of a custom event as a metric card."""

from __future__ import annotations

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.i18n import gettext as _
from proprium.properties import service
from proprium.ui.components.controls import button
from proprium.ui.dashboard.navigation import DashboardNavigation
from proprium.ui.dashboard.tiles import EVENT_EXAMPLE
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.services import Services
from proprium.ui.session import current_actor, current_user


class CustomCardsMenu:
    def __init__(self, services: Services, controller: DashboardNavigation) -> None:
        self._services, self._controller = services, controller
        self._event_names: tuple[str, ...] = ()
        self._switches: dict[str, ui.switch] = {}
        with (
            button(_("Custom cards"), "plus", name=_("Custom cards")).props('aria-haspopup="dialog"'),
            ui.menu().props(f'{RIGHT_ALIGNED} role="dialog"') as menu,
        ):
            menu.props["aria-label"] = _("Custom cards")
            self._list = ui.element("div").classes("cardlist stack tight")
        with self._list:
            ui.label(_("No custom events yet. Send one: {example}", example=EVENT_EXAMPLE)).classes("mut small")

    def set_events(self, event_names: tuple[str, ...], card_names: tuple[str, ...]) -> None:
        """Lists the events; those with a card first, even without events in the period."""
        names = tuple(dict.fromkeys((*card_names, *event_names)))
        if names and set(names) != set(self._event_names):
            self._event_names = names
            self._list.clear()
            with self._list:
                self._switches = {
                    name: ui.switch(
                        name,
                        value=name in card_names,
                        on_change=lambda event, name=name: self._set_card(name, event.value),
                    )
                    for name in names
                }
        for name, switch in self._switches.items():
            if switch.value is not (name in card_names):
                switch.set_value(name in card_names)

    def _set_card(self, name: str, is_on: bool) -> None:
        controller = self._controller
        other_cards = tuple(other for other in controller.state.facts.custom_cards if other != name)
        cards = (*other_cards, name) if is_on else other_cards
        if cards == controller.state.facts.custom_cards:
            return
        try:
            property_id = controller.state.facts.id
            service.find_editable(self._services.database, property_id, current_user(self._services))
            actor = current_actor(self._services)
            service.set_custom_cards(self._services.database, property_id, cards, actor=actor)
        except UserFacingError as problem:
            ui.notify(str(problem), type="negative")
            self._switches[name].set_value(not is_on)
            return
        controller.navigate(lambda state: state.with_cards(cards))
