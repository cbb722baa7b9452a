"""Settings page of one property: settings form, goals, public data keys, raw export, danger zone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Request
from nicegui import ui
from nicegui.elements.mixins.validation_element import ValidationElement
from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import ValueChangeEventArguments

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.query.period import PRESETS
from proprium.properties import permissions, service
from proprium.storage.tables import Property
from proprium.ui import session, theme
from proprium.ui.components.controls import button, copy_button, link_button
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import integer_input, select, switch, text_area, text_input
from proprium.ui.components.goal_editor import GoalEditor
from proprium.ui.components.panels import code, panel
from proprium.ui.components.people_panel import PeoplePanel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.public_keys import PublicKeys
from proprium.ui.components.share_links import ShareLinksPanel
from proprium.ui.components.text import span, title
from proprium.ui.components.unsaved_changes import UnsavedChanges
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
                if permissions.may_own(user, property_):
                    link_button(_("Audit log"), f"/properties/{property_.id}/audit", "book")
                link_button(_("Rejected events"), f"/properties/{property_.id}/refused", "warn")
                link_button(_("Install"), f"/properties/{property_.id}/install", "code")
                link_button(_("Dashboard"), f"/properties/{property_.id}", "chart")
            form = _SettingsForm(services, property_, is_owner=permissions.may_own(user, property_))
        if await wait_until_connected():
            await form.restore_draft()
            if form.public_keys is not None:
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

    def __init__(self, services: Services, property_: Property, *, is_owner: bool) -> None:
        self._property, self._is_owner = property_, is_owner
        self._actions = PropertyActions(services)
        self._fields: dict[str, ValueElement[Any]] = {}  # by column of the property
        self._errors: dict[str, str] = {}  # shown at the fields of these columns
        self._general_panel()
        self._visitors_panel()
        wide = f"{theme.BODY} {theme.STACK} wide"
        with panel(_("Collection rules"), body_classes=wide):
            self._add_list_fields("hostnames", "ignored_referrers", "excluded_addresses", "query_keys")
        with panel(_("Sessions and pages"), body_classes=wide):
            for column, field in NUMBER_FIELDS.items():
                self._fields[column] = integer_input(
                    _(field.label),
                    getattr(property_, column),
                    field.minimum,
                    field.maximum,
                    unit=_(field.unit),
                    help_text=_(field.help_text),
                )
            self._fields["merges_trailing_slashes"] = switch(
                _("Ignore trailing slashes"),
                property_.merges_trailing_slashes,
                help_text=_("/about/ and //about are counted as /about. Applies to past data."),
            )
            self._fields["merges_index_pages"] = switch(
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
        with ui.element("div").classes(f"{theme.LINE} wraps savebar"):
            self._save_button = button(_("Save"), "check", kind=f"{theme.PRIMARY} big", on_click=self.save)
            self._discard_button = button(_("Discard changes"), kind="big", on_click=self._discard)
            self._status_label = ui.label("").classes("small grow").props('role="status"')
        self._unsaved_changes = UnsavedChanges(f"settings {property_.id}")
        self._saved_values = self._read_fields()
        self._update_save_bar()
        for element in self._fields.values():
            element.on_value_change(self._on_change)
        GoalEditor(self._actions, property_)
        self.public_keys = PublicKeys(services, self._actions, property_) if is_owner else None
        if is_owner:
            PeoplePanel(services, self._actions, property_)
            ShareLinksPanel(services, property_)
        _raw_export_panel(property_)
        if is_owner:
            self._danger_zone()

    def _general_panel(self) -> None:
        property_ = self._property
        with panel(_("General"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
            self._fields["name"] = text_input(_("Name"), value=property_.name)
            zones = {zone: zone.replace("_", " ") for zone in sorted(available_timezones() | {property_.timezone})}
            help_text = _("Days start at midnight in this time zone.")
            self._fields["timezone"] = select(
                _("Time zone"), zones, property_.timezone, help_text=help_text, is_searchable=True
            )
            if self._is_owner:
                help_text = _("Anyone with the link can view the dashboard, without an account and without a cookie.")
                self._fields["is_public"] = switch(_("Public"), property_.is_public, help_text=help_text)
                help_text = _(
                    "While the dashboard is public, search engines may list it. Share links are never listed."
                )
                self._fields["is_indexed"] = switch(_("Search engines"), property_.is_indexed, help_text=help_text)
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                span(_("Property ID"), "strong small")
                span(str(property_.id), "mono cut")
                copy_button(str(property_.id))

    def _visitors_panel(self) -> None:
        property_ = self._property
        with panel(_("Visitors"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
            self._fields["is_cookieless"] = select(
                _("Visitor identification"),
                {key: _(label) for key, label in IDENTITY_LABELS.items()},
                _to_field_value("is_cookieless", property_),
                help_text=_(
                    "When you switch to cookieless, replace the tracking code on your pages: it contains this option."
                ),
            )
            self._fields["discards_bots"] = select(
                _("Bots"),
                {key: _(label) for key, label in BOT_LABELS.items()},
                _to_field_value("discards_bots", property_),
                help_text=_("Crawlers, uptime monitors, AI fetchers. They never count as visitors."),
            )
            self._fields["counts_automated"] = select(
                _("Count automated browsers as visitors"),
                {key: _(label) for key, label in AUTOMATED_LABELS.items()},
                _to_field_value("counts_automated", property_),
                help_text=_("Browsers controlled by a program: tests, headless Chrome. Applies to past data too."),
            )
            self._fields["keeps_click_text"] = switch(
                _("Store click text"),
                property_.keeps_click_text,
                help_text=_(
                    "The text of a clicked link or button, cut to 120 characters. Only if your own code sends it."
                ),
            )

    def _add_list_fields(self, *columns: str) -> None:
        for column in columns:
            field = LIST_FIELDS[column]
            self._fields[column] = text_area(
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

    # ---- changes ----------------------------------------------------------------------------------------------

    def _read_fields(self) -> dict[str, Any]:
        """Returns the values of the fields as they are on the page, by column."""
        return {column: field.value for column, field in self._fields.items()}

    def _on_change(self, event: ValueChangeEventArguments[Any] | None = None) -> None:
        """Handles a changed field, whose error is corrected or not known again until the next attempt to save."""
        if event is not None:
            self._show_errors(
                {column: error for column, error in self._errors.items() if self._fields[column] is not event.sender}
            )
        self._status_label.set_text("")
        self._update_save_bar()

    def _show_errors(self, errors: dict[str, str]) -> None:
        """Marks the invalid fields, by column."""
        self._errors = errors
        for column, field in self._fields.items():
            if isinstance(field, ValidationElement):
                field.error = errors.get(column)
                if column in errors:
                    field.props["aria-invalid"] = "true"
                else:
                    field.props.pop("aria-invalid", None)

    def _update_save_bar(self) -> None:
        changes = {
            column: value for column, value in self._read_fields().items() if value != self._saved_values[column]
        }
        self._save_button.props["disabled"] = not changes
        self._discard_button.set_visibility(bool(changes))
        self._unsaved_changes.update(changes)

    async def restore_draft(self) -> None:
        """Fills in what was typed before the page was reloaded."""
        restored_count = 0
        for column, value in (await self._unsaved_changes.start()).items():
            field = self._fields.get(column)
            with suppress(ValueError):  # an option that no longer exists
                if field is not None and type(value) in {str, int, float, bool} and value != field.value:
                    field.value = value
                    restored_count += 1
        if restored_count:
            self._status_label.set_text(_("Your unsaved changes were restored."))

    def _discard(self) -> None:
        for column, value in self._saved_values.items():
            self._fields[column].value = value
        self._show_errors({})
        self._on_change()

    async def save(self) -> None:
        """Saves all fields, or shows at each invalid one what is wrong."""
        values = {column: _to_setting(column, value) for column, value in self._read_fields().items()}
        errors = service.setting_errors(values)
        self._show_errors(errors)
        if errors:
            column, message = next(iter(errors.items()))
            self._status_label.set_text(_("Not saved. {error}", error=message))
            ui.run_javascript(f"getHtmlElement({self._fields[column].id})?.focus()")
            return
        is_published = values.get("is_public") and not self._property.is_public
        if is_published and not await self._actions.confirm_public(self._property):
            return
        if updated_property := await self._actions.update(self._property.id, **values):
            self._property = updated_property
            for column, field in self._fields.items():  # as the validation has normalised them
                field.value = _to_field_value(column, updated_property)
            self._saved_values = self._read_fields()
            self._on_change()
            toast(_("Saved."))


def _to_field_value(column: str, property_: Property) -> Any:
    """Returns what the field of a column shows."""
    value = getattr(property_, column)
    if column in LIST_FIELDS:
        return "\n".join(value)
    if column == "is_cookieless":
        return "cookieless" if value else "cookie"
    if column == "discards_bots":
        return "discard" if value else "apart"
    if column == "counts_automated":
        return next(key for key, setting in AUTOMATED_VALUES.items() if setting is value)
    return value


def _to_setting(column: str, value: Any) -> Any:
    """Returns the setting of a column for the value of its field, which may be invalid."""
    if column in LIST_FIELDS:
        return (value or "").splitlines()
    if column in NUMBER_FIELDS:
        return int(value or 0)
    if column == "counts_automated":
        return AUTOMATED_VALUES[value]
    chosen_options = {"is_cookieless": "cookieless", "discards_bots": "discard"}
    if column in chosen_options:
        return value == chosen_options[column]
    return {"name": value or "", "timezone": value or "UTC"}.get(column, value)
