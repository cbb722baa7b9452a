"""Everything that can be set of one property."""

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
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import read_whole, select, switch, text_area, text_input, whole_number
from proprium.ui.components.goal_editor import GoalEditor
from proprium.ui.components.panels import code, panel
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.public_keys import PublicKeys
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import frame, is_connected
from proprium.ui.services import Services

IDENTITIES = {"cookie": "Cookie: known for a year", "cookieless": "No cookie: known for a day"}
BOTS = {"apart": "Keep apart and show", "discard": "Discard at the door"}
AUTOMATED = {"auto": "Only while this server runs on localhost", "yes": "Always", "no": "Never"}
RAW = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}  # endings of files
AUTOMATED_VALUES: dict[str, bool | None] = {"auto": None, "yes": True, "no": False}


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/settings")
    async def settings(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        found = service.find_editable(services.database, property_id, user)
        access = PageAccess.of(request, user, subject=found)
        with frame(services, request, f"Settings of {found.name}", user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title("Settings")
                    span(found.name, theme.MUTED)
                link_button("Refused", f"/properties/{found.id}/refused", "warn")
                link_button("Install", f"/properties/{found.id}/install", "code")
                link_button("Dashboard", f"/properties/{found.id}", "chart")
            form = _Form(services, found)
        if await is_connected():
            await form.public_keys.fill()


def _raw_events(found: Property) -> None:
    """Links that a browser follows into its folder of downloads: whatever their size, nothing of them is in memory."""
    with panel("Export raw events", body=f"{theme.BODY} {theme.STACK}"):
        ui.label(
            "Every event as it is stored, with all that was sent and what was found out about its sender: one a row."
        ).classes(theme.MUTED)
        period = select("Of which time", {key: label for key, label in PRESETS if key != "custom"}, "all")
        with ui.element("div").classes(f"{theme.LINE} wraps"):
            links = {
                ending: link_button(name, "", "file", name=f"Export raw events as {name}")
                for ending, name in RAW.items()
            }

        def aim() -> None:
            for ending, link in links.items():
                link.props["href"] = f"/api/v1/properties/{found.id}/events.{ending}?period={period.value}"
                link.update()

        period.on_value_change(aim)
        aim()
        ui.label("On this server's command line:").classes(f"{theme.MUTED} {theme.SMALL}")
        code(f"proprium export --property {found.id} --format csv events.csv", name="The command that exports")


class _Form:
    """The fields; one button saves them all."""

    def __init__(self, services: Services, found: Property) -> None:
        self._found = found
        self._actions = Actions(services)
        self._identity()
        self._visitors()
        self._doors()
        self._rules()
        self._exclusions()
        with ui.element("div").classes(f"{theme.LINE} savebar"):
            button("Save", "check", kind=f"{theme.PRIMARY} big", on_click=self._save)
        GoalEditor(self._actions, found)
        self.public_keys = PublicKeys(services, self._actions, found)
        _raw_events(found)
        self._danger()

    def _identity(self) -> None:
        found = self._found
        with panel("The property", body=f"{theme.BODY} {theme.STACK} wide"):
            self._name = text_input("Name", value=found.name)
            zones = {zone: zone.replace("_", " ") for zone in sorted(available_timezones() | {found.timezone})}
            why = "Days begin at midnight there."
            self._timezone = select("Time zone", zones, found.timezone, why=why, searchable=True)
            why = "Anyone with the address of the dashboard can read it, without an account and without a cookie."
            self._is_public = switch("Public", found.is_public, why=why)
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                span("Id", "strong small")
                span(str(found.id), "mono cut")
                copy_button(str(found.id))

    def _visitors(self) -> None:
        found = self._found
        with panel("Visitors", body=f"{theme.BODY} {theme.STACK} wide"):
            chosen = "cookieless" if found.is_cookieless else "cookie"
            why = "Without a cookie, put the tag on your pages again: it says so there."
            self._cookie = select("How visitors are known", IDENTITIES, chosen, why=why)
            why = "Crawlers, monitors, AI fetchers. They never count as visitors."
            self._bots = select("Bots", BOTS, "discard" if found.discards_bots else "apart", why=why)
            chosen = next(key for key, value in AUTOMATED_VALUES.items() if value is found.counts_automated)
            why = "Browsers that a program drives: tests, headless Chrome. Holds for the past as well."
            self._automated = select("Count automated browsers like people", AUTOMATED, chosen, why=why)
            why = "The words on a link or button, cut to 120 characters. Only where your own code sends them."
            self._click_text = switch("Keep the text of clicks", found.keeps_click_text, why=why)

    def _doors(self) -> None:
        found = self._found
        with panel("What is let in", body=f"{theme.BODY} {theme.STACK} wide"):
            why = "One a line. Hits from other sites are refused; an empty list allows all."
            self._hostnames = text_area("Hostnames", found.hostnames, placeholder="www.example.com", why=why)
            why = "One a line, such as your office: 192.0.2.7 or 192.0.2.0/24. Holds from now on."
            self._addresses = text_area(
                "Excluded addresses", found.excluded_addresses, placeholder="192.0.2.7", why=why
            )
            why = "One a line. What follows ? in an address is dropped, except for these keys."
            self._query_keys = text_area(
                "Query keys that make another page", found.query_keys, placeholder="id", why=why
            )

    def _rules(self) -> None:
        found = self._found
        with panel("How visits are counted", body=f"{theme.BODY} {theme.STACK} wide"):
            why = "Minutes without a hit after which the next one begins another visit. Past visits are cut anew."
            self._gap = whole_number("Pause that ends a visit", found.session_gap_min, 1, 240, why=why, unit="minutes")
            why = "Seconds of attention from which a visit with one page is no bounce. Past visits are judged anew."
            self._bounce = whole_number(
                "Attention that makes it no bounce", found.bounce_s, 0, 600, why=why, unit="seconds"
            )
            why = "Minutes since the last hit for which a visitor counts as here. History has no such number."
            self._live = whole_number(
                "How long somebody counts as here", found.live_min, 1, 60, why=why, unit="minutes"
            )
            why = "One a line: /user/* lists all such pages as one. History follows, and parts again without the line."
            self._patterns = text_area("Path patterns", found.path_patterns, placeholder="/user/*", why=why)

    def _exclusions(self) -> None:
        found = self._found
        with panel("What is counted", body=f"{theme.BODY} {theme.STACK} wide"):
            ui.label("Left out of every number, the past as well. Take a line away, and it is all back.").classes(
                theme.MUTED
            )
            why = "One a line; * stands for anything."
            self._paths = text_area("Excluded paths", found.excluded_paths, placeholder="/admin/*", why=why)
            why = "One a line: a code like DE, or a name."
            self._countries = text_area("Excluded countries", found.excluded_countries, placeholder="DE", why=why)
            why = "One a line: a part of the User-Agent, such as the name of your own monitor."
            self._agents = text_area(
                "Excluded User-Agents", found.excluded_user_agents, placeholder="HomeMonitor", why=why
            )

    def _danger(self) -> None:
        with panel("For good", body=f"{theme.BODY} {theme.STACK}"):
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label("Delete every event and keep the property.").classes("grow")
                button("Reset", "trash", kind=theme.DANGER, on_click=self._reset)
            if self._found.is_protected:
                return
            ui.element("hr").classes("rule")
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                ui.label("Delete the property and every event it ever received.").classes("grow")
                button("Delete", "trash", kind=theme.DANGER, on_click=self._delete)

    async def _save(self) -> None:
        if saved := await self._actions.update(self._found.id, **self._values()):
            self._found = saved
            self._hostnames.value = "\n".join(saved.hostnames)
            self._addresses.value = "\n".join(saved.excluded_addresses)
            self._paths.value = "\n".join(saved.excluded_paths)
            self._countries.value = "\n".join(saved.excluded_countries)
            self._agents.value = "\n".join(saved.excluded_user_agents)
            self._patterns.value = "\n".join(saved.path_patterns)
            tell("Saved. Collectors follow within a second.")

    def _values(self) -> dict[str, Any]:
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
            "session_gap_min": read_whole(self._gap),
            "bounce_s": read_whole(self._bounce),
            "live_min": read_whole(self._live),
            "path_patterns": (self._patterns.value or "").splitlines(),
        }

    def _reset(self) -> None:
        self._actions.reset(self._found, lambda _: None)

    def _delete(self) -> None:
        self._actions.delete(self._found, lambda _: ui.navigate.to("/properties"))
