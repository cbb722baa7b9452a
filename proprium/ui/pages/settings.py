"""Settings page of one property: settings form, goals, public data keys, raw export, danger zone."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Request
from nicegui import ui

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

IDENTITY_LABELS = {"cookie": "First-party cookie (365 days)", "cookieless": "Cookieless (daily hash)"}
BOT_LABELS = {"apart": "Record separately", "discard": "Block"}
AUTOMATED_LABELS = {"auto": "Only while this server runs on localhost", "yes": "Always", "no": "Never"}
RAW_FORMATS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}  # file extension → label
AUTOMATED_VALUES: dict[str, bool | None] = {"auto": None, "yes": True, "no": False}


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/settings")
    async def settings(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        property_ = service.find_editable(services.database, property_id, user)
        access = PageAccess.of(request, user, subject=property_)
        with layout(services, request, f"Settings of {property_.name}", user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title("Settings")
                    span(property_.name, theme.MUTED)
                link_button("Rejected events", f"/properties/{property_.id}/refused", "warn")
                link_button("Install", f"/properties/{property_.id}/install", "code")
                link_button("Dashboard", f"/properties/{property_.id}", "chart")
            form = _SettingsForm(services, property_)
        if await wait_until_connected():
            await form.public_keys.fill()


def _raw_export_panel(property_: Property) -> None:
    """Builds plain download links: the browser saves the stream to disk, whatever its size."""
    with panel("Export raw events", body_classes=f"{theme.BODY} {theme.STACK}"):
        ui.label(
            "All stored events, one per row, with everything that was sent and that was derived about the visitor."
        ).classes(theme.MUTED)
        period_select = select("Date range", {key: label for key, label in PRESETS if key != "custom"}, "all")
        with ui.element("div").classes(f"{theme.LINE} wraps"):
            links = {
                extension: link_button(name, "", "file", name=f"Export raw events as {name}")
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
        ui.label("On the command line of this server:").classes(f"{theme.MUTED} {theme.SMALL}")
        code(f"proprium export --property {property_.id} --format csv events.csv", name="Export command")


class _SettingsForm:
    """The settings form: one Save button for all its fields; the panels below the form save by themselves."""

    def __init__(self, services: Services, property_: Property) -> None:
        self._property = property_
        self._actions = PropertyActions(services)
        self._identity_panel()
        self._visitors_panel()
        self._collection_panel()
        self._session_rules_panel()
        self._exclusions_panel()
        with ui.element("div").classes(f"{theme.LINE} savebar"):
            button("Save", "check", kind=f"{theme.PRIMARY} big", on_click=self._save)
        GoalEditor(self._actions, property_)
        self.public_keys = PublicKeys(services, self._actions, property_)
        _raw_export_panel(property_)
        self._danger_zone()

    def _identity_panel(self) -> None:
        property_ = self._property
        with panel("General", body_classes=f"{theme.BODY} {theme.STACK} wide"):
            self._name = text_input("Name", value=property_.name)
            zones = {zone: zone.replace("_", " ") for zone in sorted(available_timezones() | {property_.timezone})}
            help_text = "Days start at midnight in this time zone."
            self._timezone = select("Time zone", zones, property_.timezone, help_text=help_text, is_searchable=True)
            help_text = "Anyone with the link can view the dashboard, without an account and without a cookie."
            self._is_public = switch("Public", property_.is_public, help_text=help_text)
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                span("Property ID", "strong small")
                span(str(property_.id), "mono cut")
                copy_button(str(property_.id))

    def _visitors_panel(self) -> None:
        property_ = self._property
        with panel("Visitors", body_classes=f"{theme.BODY} {theme.STACK} wide"):
            selected_key = "cookieless" if property_.is_cookieless else "cookie"
            help_text = (
                "When you switch to cookieless, replace the tracking code on your pages: it contains this option."
            )
            self._cookie = select("Visitor identification", IDENTITY_LABELS, selected_key, help_text=help_text)
            help_text = "Crawlers, uptime monitors, AI fetchers. They never count as visitors."
            self._bots = select(
                "Bots", BOT_LABELS, "discard" if property_.discards_bots else "apart", help_text=help_text
            )
            selected_key = next(key for key, value in AUTOMATED_VALUES.items() if value is property_.counts_automated)
            help_text = "Browsers controlled by a program: tests, headless Chrome. Applies to past data too."
            self._automated = select(
                "Count automated browsers as visitors", AUTOMATED_LABELS, selected_key, help_text=help_text
            )
            help_text = "The text of a clicked link or button, cut to 120 characters. Only if your own code sends it."
            self._click_text = switch("Store click text", property_.keeps_click_text, help_text=help_text)

    def _collection_panel(self) -> None:
        property_ = self._property
        with panel("Collection rules", body_classes=f"{theme.BODY} {theme.STACK} wide"):
            help_text = "One per line. Events from other sites are rejected. Leave empty to allow all sites."
            self._hostnames = text_area(
                "Hostnames", property_.hostnames, placeholder="www.example.com", help_text=help_text
            )
            help_text = "One per line, such as your office: 192.0.2.7 or 192.0.2.0/24. Applies from now on."
            self._addresses = text_area(
                "Excluded IP addresses", property_.excluded_addresses, placeholder="192.0.2.7", help_text=help_text
            )
            help_text = "One per line. All other query parameters are removed from page URLs."
            self._query_keys = text_area(
                "Query parameters to keep", property_.query_keys, placeholder="id", help_text=help_text
            )

    def _session_rules_panel(self) -> None:
        property_ = self._property
        with panel("Sessions and pages", body_classes=f"{theme.BODY} {theme.STACK} wide"):
            help_text = (
                "Minutes without activity after which the next event starts a new session. Recalculates past sessions."
            )
            self._gap = integer_input(
                "Session timeout", property_.session_gap_min, 1, 240, help_text=help_text, unit="minutes"
            )
            help_text = (
                "Seconds of engagement from which a session with one page is not a bounce. Recalculates past data."
            )
            self._bounce = integer_input(
                "Engagement threshold", property_.bounce_s, 0, 600, help_text=help_text, unit="seconds"
            )
            help_text = "Minutes after the last event for which a visitor counts as online. Not stored historically."
            self._live = integer_input(
                "“Online now” window", property_.live_min, 1, 60, help_text=help_text, unit="minutes"
            )
            help_text = (
                "One per line: /user/* counts all such pages as one. Applies to past data; removing the rule undoes it."
            )
            self._patterns = text_area(
                "Group paths", property_.path_patterns, placeholder="/user/*", help_text=help_text
            )

    def _exclusions_panel(self) -> None:
        property_ = self._property
        with panel("Exclusions", body_classes=f"{theme.BODY} {theme.STACK} wide"):
            ui.label("Excluded from all metrics, including past data. Removing a rule restores the data.").classes(
                theme.MUTED
            )
            help_text = "One per line; * matches anything."
            self._paths = text_area(
                "Excluded paths", property_.excluded_paths, placeholder="/admin/*", help_text=help_text
            )
            help_text = "One per line: a code such as DE, or a name."
            self._countries = text_area(
                "Excluded countries", property_.excluded_countries, placeholder="DE", help_text=help_text
            )
            help_text = "One per line: part of the User-Agent, such as the name of your uptime monitor."
            self._agents = text_area(
                "Excluded User-Agents", property_.excluded_user_agents, placeholder="HomeMonitor", help_text=help_text
            )

    def _danger_zone(self) -> None:
        with panel("Danger zone", body_classes=f"{theme.BODY} {theme.STACK}"):
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label("Delete all events and keep the property.").classes("grow")
                button("Reset", "trash", kind=theme.DANGER, on_click=self._reset)
            if self._property.is_protected:
                return
            ui.element("hr").classes("rule")
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label("Delete the property and all its events.").classes("grow")
                button("Delete", "trash", kind=theme.DANGER, on_click=self._delete)

    async def _save(self) -> None:
        if updated_property := await self._actions.update(self._property.id, **self._field_values()):
            self._property = updated_property
            self._hostnames.value = "\n".join(updated_property.hostnames)
            self._addresses.value = "\n".join(updated_property.excluded_addresses)
            self._paths.value = "\n".join(updated_property.excluded_paths)
            self._countries.value = "\n".join(updated_property.excluded_countries)
            self._agents.value = "\n".join(updated_property.excluded_user_agents)
            self._patterns.value = "\n".join(updated_property.path_patterns)
            toast("Saved.")

    def _field_values(self) -> dict[str, Any]:
        return {
            "name": self._name.value or "",
            "timezone": self._timezone.value or "UTC",
            "is_public": self._is_public.value,
            "is_cookieless": self._cookie.value == "cookieless",
            "discards_bots": self._bots.value == "discard",
            "counts_automated": AUTOMATED_VALUES[self._automated.value],
            "keeps_click_text": self._click_text.value,
            "hostnames": (self._hostnames.value or "").splitlines(),
            "excluded_addresses": (self._addresses.value or "").splitlines(),
            "excluded_paths": (self._paths.value or "").splitlines(),
            "excluded_countries": (self._countries.value or "").splitlines(),
            "excluded_user_agents": (self._agents.value or "").splitlines(),
            "query_keys": (self._query_keys.value or "").splitlines(),
            "session_gap_min": read_integer(self._gap),
            "bounce_s": read_integer(self._bounce),
            "live_min": read_integer(self._live),
            "path_patterns": (self._patterns.value or "").splitlines(),
        }

    def _reset(self) -> None:
        self._actions.reset(self._property, lambda _: None)

    def _delete(self) -> None:
        self._actions.delete(self._property, lambda _: ui.navigate.to("/properties"))
