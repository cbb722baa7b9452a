"""Public data keys panel of the settings page: a switch for each data key that readers may see."""

from __future__ import annotations

import asyncio

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import facts_of, query_from
from proprium.storage.public_keys import can_be_public
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import error_note, skeleton, toast
from proprium.ui.components.panels import panel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.services import Services

ABOUT = N_(
    "Only people who can edit this property see the data that your site sends with its events. Readers of the public"
    " dashboard, and API keys of other accounts, can list and filter by the keys that you switch on here: all their"
    " values, including past ones. URLs are shown without their query string."
)
NONE_SEEN = N_("No data keys were sent in the last 12 months.")
PERIOD = [("period", "12mo"), ("compare", "none")]


class PublicKeys:
    """Panel of switches; each saves at once, independent of the settings form and its Save button."""

    def __init__(self, services: Services, actions: PropertyActions, property_: Property) -> None:
        self._services, self._actions, self._property = services, actions, property_
        self._sent_keys: tuple[str, ...] = ()
        with panel(_("Public data keys"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "public-keys"
            ui.label(_(ABOUT)).classes(theme.MUTED)
            self._list = ui.element("div").classes(f"{theme.STACK} tight")
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                self._name = ui.input(placeholder="plan").props("outlined dense hide-bottom-space").classes("grow")
                self._name.props["aria-label"] = _("Data key to make public")
                button(_("Make public"), "plus", on_click=self.add)
        with self._list:
            skeleton(34)

    async def fill(self) -> None:
        """Lists the keys that were sent; queries the warehouse, so call it when the browser has connected."""

        def read_sent_keys() -> tuple[str, ...]:
            query = query_from(PERIOD, facts_of(self._property, None, EVERY_KEY), self._services.clock())
            return tuple(row.key for row in data_keys(self._services.warehouse, query) if can_be_public(row.key))

        try:
            self._sent_keys = await asyncio.to_thread(read_sent_keys)
        except UserFacingError as problem:
            self._draw()
            with self._list:
                error_note(str(problem))
            return
        self._draw()

    def _draw(self) -> None:
        public_keys = self._property.public_data_keys
        self._list.clear()
        with self._list:
            for key in dict.fromkeys((*public_keys, *self._sent_keys)):
                switch = ui.switch(key, value=key in public_keys).props("dense")
                switch.on_value_change(lambda event, key=key: self._set(key, is_public=bool(event.value)))
            if not (public_keys or self._sent_keys):
                ui.label(_(NONE_SEEN)).classes(f"{theme.MUTED} {theme.SMALL}")

    async def add(self) -> None:
        """Makes the key in the text field public."""
        key = self._name.value or ""
        if await self._set(key, is_public=True):
            self._name.value = ""

    async def _set(self, key: str, *, is_public: bool) -> bool:
        """Saves one key; False when that was rejected. Redraws either way, so that the switch shows what is stored."""
        updated_property = await self._actions.publish_key(self._property.id, key, is_public)
        if updated_property is not None:
            self._property = updated_property
            toast(
                _("{key} is visible to readers now.", key=key)
                if is_public
                else _("{key} is no longer visible to readers.", key=key)
            )
        self._draw()
        return updated_property is not None
