"""The menu of custom cards: every custom event ever seen, with a switch that makes it a headline number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from proprium.errors import ProblemForReader
from proprium.properties import service
from proprium.ui.components.controls import button
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.services import Services
from proprium.ui.session import current_user

if TYPE_CHECKING:
    from proprium.ui.dashboard.controller import Screen


class CustomCards:
    def __init__(self, services: Services, screen: Screen) -> None:
        self._services, self._screen = services, screen
        self._seen: tuple[str, ...] = ()
        self._switches: dict[str, ui.switch] = {}
        with (
            button("Custom cards", "plus", name="Custom cards").props('aria-haspopup="menu"'),
            ui.menu().props(RIGHT_ALIGNED),
        ):
            self._list = ui.element("div").classes("cardlist stack tight")
        with self._list:
            ui.label('No custom event yet. Send one: collectorQueue.push({event: "sign_up"})').classes("mut small")

    def offer(self, seen: tuple[str, ...], chosen: tuple[str, ...]) -> None:
        """Lists the events; those with a card keep their place even when none was seen lately."""
        names = tuple(dict.fromkeys((*chosen, *seen)))
        if names and set(names) != set(self._seen):
            self._seen = names
            self._list.clear()
            with self._list:
                self._switches = {
                    name: ui.switch(name, value=name in chosen, on_change=lambda e, name=name: self._set(name, e.value))
                    for name in names
                }
        for name, switch in self._switches.items():
            if switch.value is not (name in chosen):
                switch.set_value(name in chosen)

    def _set(self, name: str, is_on: bool) -> None:
        screen = self._screen
        kept = tuple(other for other in screen.view.facts.custom_cards if other != name)
        cards = (*kept, name) if is_on else kept
        if cards == screen.view.facts.custom_cards:
            return
        try:
            property_id = screen.view.facts.id
            service.find_editable(self._services.database, property_id, current_user(self._services))
            service.set_custom_cards(self._services.database, property_id, cards)
        except ProblemForReader as problem:
            ui.notify(str(problem), type="negative")
            self._switches[name].set_value(not is_on)
            return
        screen.go(lambda view: view.with_cards(cards))
