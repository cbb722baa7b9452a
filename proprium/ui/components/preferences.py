"""Preferences panel of the account page: theme and time zone."""

from __future__ import annotations

from zoneinfo import available_timezones

from nicegui import run, ui

from proprium.accounts import preferences
from proprium.accounts.preferences import Theme
from proprium.errors import UserFacingError
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session, theme
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import select
from proprium.ui.components.panels import panel
from proprium.ui.services import Services

THEME_LABELS = {Theme.AUTO: N_("As the system has it"), Theme.LIGHT: N_("Light"), Theme.DARK: N_("Dark")}
NO_ZONE = "default"


def build_preferences_panel(services: Services, user: User) -> None:
    """Builds the panel; each choice is saved at once."""

    async def save_theme() -> None:
        if (current := session.current_user(services)) is None:
            return
        await run.io_bound(preferences.set_theme, services.database, current.id, theme_select.value)
        ui.run_javascript(f"propriumTheme.choose({theme_select.value!r})")

    async def save_timezone() -> None:
        if (current := session.current_user(services)) is None:
            return
        zone = "" if zone_select.value in {None, NO_ZONE} else zone_select.value
        try:
            await run.io_bound(preferences.set_timezone, services.database, current.id, zone)
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return
        toast(_("Saved."))

    with panel(_("Preferences"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
        labels = {str(key): _(label) for key, label in THEME_LABELS.items()}
        theme_select = select(_("Theme"), labels, user.theme or str(Theme.AUTO))
        zones = {NO_ZONE: _("Default of this server")}
        zones |= {zone: zone.replace("_", " ") for zone in sorted(available_timezones())}
        zone_select = select(
            _("Time zone"),
            zones,
            user.timezone if user.timezone in zones else NO_ZONE,
            help_text=_("Of the properties that you create. Each keeps a time zone of its own."),
            is_searchable=True,
        )
    theme_select.on_value_change(save_theme)
    zone_select.on_value_change(save_timezone)
