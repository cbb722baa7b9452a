"""Settings page of one property: settings form, goals, public data keys, raw export, danger zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Request
from nicegui import ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.query.period import PRESETS
from proprium.properties import service
from proprium.storage.tables import Property
from proprium.ui import session, theme
from proprium.ui.components.controls import button, copy_button, link_button
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import integer_input, read_integer, select, switch, text_area, text_input
from proprium.ui.components.goal_editor import GoalEditor
from proprium.ui.components.panels import code, panel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.public_keys import PublicKeys
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout, wait_until_connected
from proprium.ui.services import Services

IDENTITY_LABELS = {"cookie": N_("First-party cookie (365 days)"), "cookieless": N_("Cookieless (daily hash)")}
BOT_LABELS = {"apart": N_("Record separately"), "discard": N_("Block")}
AUTOMATED_LABELS = {
    "auto": N_("Only while this server runs on localhost"),
    "yes": N_("Always"),
    "no": N_("Never"),
}
AUTOMATED_VALUES: dict[str, bool | None] = {"auto": None, "yes": True, "no": False}
RAW_FORMATS = {"csv": N_("CSV"), "jsonl": N_("JSON lines"), "parquet": N_("Parquet")}  # file extension → label


@dataclass(frozen=True)
class ListField:
    """A text area of values, one per line, for a column of a property that holds a list."""

    label: str
    placeholder: str
    help_text: str


@dataclass(frozen=True)
class NumberField:
    """A field for a column of a property that holds an integer, with its range."""

    label: str
    minimum: int
    maximum: int
    unit: str
    help_text: str


LIST_FIELDS = {
    "hostnames": ListField(
        N_("Hostnames"),
        "www.example.com",
        N_("One per line. Events from other sites are rejected. Leave empty to allow all sites."),
    ),
    "ignored_referrers": ListField(
        N_("Ignored referrers"),
        "paypal.com",
        N_("One per line, such as payment or sign-in pages. Covers subdomains. Applies to past data."),
    ),
    "excluded_addresses": ListField(
        N_("Excluded IP addresses"),
        "192.0.2.7",
        N_("One per line, such as your office: 192.0.2.7 or 192.0.2.0/24. Applies from now on."),
    ),
    "query_keys": ListField(
        N_("Query parameters to keep"),
        "id",
        N_("One per line. All other query parameters are removed from page URLs."),
    ),
    "path_patterns": ListField(
        N_("Group paths"),
        "/user/*",
        N_("One per line: /user/* counts all such pages as one. Applies to past data; removing the rule undoes it."),
    ),
    "excluded_paths": ListField(N_("Excluded paths"), "/admin/*", N_("One per line; * matches anything.")),
    "excluded_countries": ListField(N_("Excluded countries"), "DE", N_("One per line: a code such as DE, or a name.")),
    "excluded_user_agents": ListField(
        N_("Excluded User-Agents"),
        "HomeMonitor",
        N_("One per line: part of the User-Agent, such as the name of your uptime monitor."),
    ),
}
NUMBER_FIELDS = {
    "session_gap_min": NumberField(
        N_("Session timeout"),
        1,
        240,
        N_("minutes"),
        N_("Minutes without activity after which the next event starts a new session. Recalculates past sessions."),
    ),
    "bounce_s": NumberField(
        N_("Engagement threshold"),
        0,
        600,
        N_("seconds"),
        N_("Seconds of engagement from which a session with one page is not a bounce. Recalculates past data."),
    ),
    "live_min": NumberField(
        N_("“Online now” window"),
        1,
        60,
        N_("minutes"),
        N_("Minutes after the last event for which a visitor counts as online. Not stored historically."),
    ),
}


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/settings")
    async def settings(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        property_ = service.find_editable(services.database, property_id, user)
        access = PageAccess.of(request, user, subject=property_)
        page_title = _("Settings of {name}", name=property_.name)
        with layout(services, request, page_title, user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title(_("Settings"))
                    span(property_.name, theme.MUTED)
                link_button(_("Rejected events"), f"/properties/{property_.id}/refused", "warn")
                link_button(_("Install"), f"/properties/{property_.id}/install", "code")
                link_button(_("Dashboard"), f"/properties/{property_.id}", "chart")
            form = _SettingsForm(services, property_)
        if await wait_until_connected():
            await form.public_keys.fill()


def _raw_export_panel(property_: Property) -> None:
    """Builds plain download links: the browser saves the stream to disk, whatever its size."""
    description = _(
        "All stored events, one per row, with everything that was sent and that was derived about the visitor."
    )
    with panel(_("Export raw events"), body_classes=f"{theme.BODY} {theme.STACK}"):
        ui.label(description).classes(theme.MUTED)
        period_labels = {key: _(label) for key, label in PRESETS if key != "custom"}
        period_select = select(_("Date range"), period_labels, "all")
        with ui.element("div").classes(f"{theme.LINE} wraps"):
            links = {
                extension: link_button(_(name), "", "file", name=_("Export raw events as {format}", format=_(name)))
                for extension, name in RAW_FORMATS.items()
            }

        def update_links() -> None:
            for extension, link in links.items():
                link.props["href"] = (
                    f"/api/v1/properties/{property_.id}/events.{extension}?period={period_select.value}"
                )
                link.update()

        period_select.on_value_change(update_links)
        update_links()
        ui.label(_("On the command line of this server:")).classes(f"{theme.MUTED} {theme.SMALL}")
        code(f"proprium export --property {property_.id} --format csv events.csv", name=_("Export command"))


class _SettingsForm:
    """The settings form: one Save button for all its fields; the panels below the form save by themselves."""

    def __init__(self, services: Services, property_: Property) -> None:
        self._property = property_
        self._actions = PropertyActions(services)
        self._list_fields: dict[str, ui.textarea] = {}  # by column of the property, as are the next ones
        self._number_fields: dict[str, ui.number] = {}
        self._general_panel()
        self._visitors_panel()
        wide = f"{theme.BODY} {theme.STACK} wide"
        with panel(_("Collection rules"), body_classes=wide):
            self._add_list_fields("hostnames", "ignored_referrers", "excluded_addresses", "query_keys")
        with panel(_("Sessions and pages"), body_classes=wide):
            for column, field in NUMBER_FIELDS.items():
                self._number_fields[column] = integer_input(
                    _(field.label),
                    getattr(property_, column),
                    field.minimum,
                    field.maximum,
                    unit=_(field.unit),
                    help_text=_(field.help_text),
                )
            self._merges_trailing_slashes = switch(
                _("Ignore trailing slashes"),
                property_.merges_trailing_slashes,
                help_text=_("/about/ and //about are counted as /about. Applies to past data."),
            )
            self._merges_index_pages = switch(
                _("Ignore index pages"),
                property_.merges_index_pages,
                help_text=_("/docs/index.html is counted as /docs/. Applies to past data."),
            )
            self._add_list_fields("path_patterns")
        with panel(_("Exclusions"), body_classes=wide):
            ui.label(_("Excluded from all metrics, including past data. Removing a rule restores the data.")).classes(
                theme.MUTED
            )
            self._add_list_fields("excluded_paths", "excluded_countries", "excluded_user_agents")
        with ui.element("div").classes(f"{theme.LINE} savebar"):
            button(_("Save"), "check", kind=f"{theme.PRIMARY} big", on_click=self.save)
        GoalEditor(self._actions, property_)
        self.public_keys = PublicKeys(services, self._actions, property_)
        _raw_export_panel(property_)
        self._danger_zone()

    def _general_panel(self) -> None:
        property_ = self._property
        with panel(_("General"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
            self._name = text_input(_("Name"), value=property_.name)
            zones = {zone: zone.replace("_", " ") for zone in sorted(available_timezones() | {property_.timezone})}
            help_text = _("Days start at midnight in this time zone.")
            self._timezone = select(_("Time zone"), zones, property_.timezone, help_text=help_text, is_searchable=True)
            help_text = _("Anyone with the link can view the dashboard, without an account and without a cookie.")
            self._is_public = switch(_("Public"), property_.is_public, help_text=help_text)
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                span(_("Property ID"), "strong small")
                span(str(property_.id), "mono cut")
                copy_button(str(property_.id))

    def _visitors_panel(self) -> None:
        property_ = self._property
        with panel(_("Visitors"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
            self._cookie = select(
                _("Visitor identification"),
                {key: _(label) for key, label in IDENTITY_LABELS.items()},
                "cookieless" if property_.is_cookieless else "cookie",
                help_text=_(
                    "When you switch to cookieless, replace the tracking code on your pages: it contains this option."
                ),
            )
            self._bots = select(
                _("Bots"),
                {key: _(label) for key, label in BOT_LABELS.items()},
                "discard" if property_.discards_bots else "apart",
                help_text=_("Crawlers, uptime monitors, AI fetchers. They never count as visitors."),
            )
            self._automated = select(
                _("Count automated browsers as visitors"),
                {key: _(label) for key, label in AUTOMATED_LABELS.items()},
                next(key for key, value in AUTOMATED_VALUES.items() if value is property_.counts_automated),
                help_text=_("Browsers controlled by a program: tests, headless Chrome. Applies to past data too."),
            )
            self._click_text = switch(
                _("Store click text"),
                property_.keeps_click_text,
                help_text=_(
                    "The text of a clicked link or button, cut to 120 characters. Only if your own code sends it."
                ),
            )

    def _add_list_fields(self, *columns: str) -> None:
        for column in columns:
            field = LIST_FIELDS[column]
            self._list_fields[column] = text_area(
                _(field.label),
                getattr(self._property, column),
                placeholder=field.placeholder,
                help_text=_(field.help_text),
            )

    def _danger_zone(self) -> None:
        def reset() -> None:
            self._actions.reset(self._property, lambda property_: None)

        def delete() -> None:
            self._actions.delete(self._property, lambda property_: ui.navigate.to("/properties"))

        with panel(_("Danger zone"), body_classes=f"{theme.BODY} {theme.STACK}"):
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label(_("Delete all events and keep the property.")).classes("grow")
                button(_("Reset"), "trash", kind=theme.DANGER, on_click=reset)
            if self._property.is_protected:
                return
            ui.element("hr").classes("rule")
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label(_("Delete the property and all its events.")).classes("grow")
                button(_("Delete"), "trash", kind=theme.DANGER, on_click=delete)

    async def save(self) -> None:
        values: dict[str, Any] = {
            "name": self._name.value or "",
            "timezone": self._timezone.value or "UTC",
            "is_public": self._is_public.value,
            "is_cookieless": self._cookie.value == "cookieless",
            "discards_bots": self._bots.value == "discard",
            "counts_automated": AUTOMATED_VALUES[self._automated.value],
            "keeps_click_text": self._click_text.value,
            "merges_trailing_slashes": self._merges_trailing_slashes.value,
            "merges_index_pages": self._merges_index_pages.value,
        }
        values |= {column: (field.value or "").splitlines() for column, field in self._list_fields.items()}
        values |= {column: read_integer(field) for column, field in self._number_fields.items()}
        if updated_property := await self._actions.update(self._property.id, **values):
            self._property = updated_property
            for column, field in self._list_fields.items():  # as the validation has normalised them
                field.value = "\n".join(getattr(updated_property, column))
            toast(_("Saved."))
