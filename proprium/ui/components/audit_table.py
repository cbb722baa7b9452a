"""Audit log as a table: filters, entries, paging, CSV download; on the pages of the server and of a property."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from nicegui import ui

from proprium.accounts import audit
from proprium.accounts.audit import Action, AuditFilter
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import AuditEntry
from proprium.ui import theme
from proprium.ui.components.controls import link_button
from proprium.ui.components.feedback import empty_state
from proprium.ui.components.fields import select
from proprium.ui.components.text import span, text
from proprium.ui.services import Services

ACTION_LABELS = {
    Action.SIGNED_IN: N_("Signed in"),
    Action.SIGN_IN_FAILED: N_("Sign-in failed"),
    Action.USER_INVITED: N_("User invited"),
    Action.INVITATION_REVOKED: N_("Invitation revoked"),
    Action.USER_CREATED: N_("User created"),
    Action.USER_CHANGED: N_("User changed"),
    Action.USER_REMOVED: N_("User removed"),
    Action.PASSWORD_CHANGED: N_("Password changed"),
    Action.FACTOR_ADDED: N_("Second factor added"),
    Action.FACTOR_REMOVED: N_("Second factor removed"),
    Action.SESSIONS_ENDED: N_("Sessions ended"),
    Action.ACCESS_GRANTED: N_("Access given"),
    Action.ACCESS_REVOKED: N_("Access revoked"),
    Action.PROPERTY_CREATED: N_("Property created"),
    Action.PROPERTY_CHANGED: N_("Property settings changed"),
    Action.PROPERTY_TRANSFERRED: N_("Property transferred"),
    Action.PROPERTY_RESET: N_("Property reset"),
    Action.PROPERTY_DELETED: N_("Property deleted"),
    Action.EXPORTED: N_("Data exported"),
    Action.KEY_CREATED: N_("API key created"),
    Action.KEY_REVOKED: N_("API key revoked"),
    Action.SHARE_CREATED: N_("Share link created"),
    Action.SHARE_CHANGED: N_("Share link changed"),
    Action.SHARE_REVOKED: N_("Share link revoked"),
    Action.INSTANCE_CHANGED: N_("Server settings changed"),
}
PERIOD_LABELS = {
    "1": N_("Today"),
    "7": N_("Last 7 days"),
    "30": N_("Last 30 days"),
    "90": N_("Last 90 days"),
    "all": N_("All 400 days"),
}
DEFAULT_PERIOD = "30"
PAGE_SIZE = 100
MAX_VALUE_LENGTH = 200
"""Characters of a value in the table; the CSV has all of them."""
CSV_HEADINGS = ("time", "action", "actor", "target", "property_id", "before", "after", "network")


@dataclass(frozen=True)
class AuditQuery:
    """What a page of the log shows, as in its address."""

    action: str = ""
    actor: str = ""
    period: str = DEFAULT_PERIOD
    before_id: int | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> AuditQuery:
        """Reads the parameters of an address; unknown values are the defaults."""
        action, period, before = (parameters.get(name, "") for name in ("action", "period", "before"))
        return cls(
            action if action in set(Action) else "",
            parameters.get("actor", ""),
            period if period in PERIOD_LABELS else DEFAULT_PERIOD,
            int(before) if before.isdecimal() and before.isascii() and len(before) <= 18 else None,
        )

    def filter(self, now: datetime, zone: str, property_id: UUID | None) -> AuditFilter:
        """Returns the conditions; days begin at midnight in the time zone."""
        since = None
        if self.period != "all":
            today = now.astimezone(ZoneInfo(zone)).date()
            first_day: date = today - timedelta(days=int(self.period) - 1)
            since = datetime.combine(first_day, time(), ZoneInfo(zone))
        return AuditFilter(property_id, Action(self.action) if self.action else None, self.actor, since)

    def url(self, path: str, **changes: Any) -> str:
        """Returns the address of the same log with other parameters, without those that have their default."""
        values = {"action": self.action, "actor": self.actor, "period": self.period, "before": self.before_id} | changes
        parameters = {name: value for name, value in values.items() if value and value != DEFAULT_PERIOD}
        return path + (f"?{urlencode(parameters)}" if parameters else "")


def audit_table(
    services: Services, query: AuditQuery, path: str, *, zone: str = "UTC", property_id: UUID | None = None
) -> None:
    """Builds filters, table and paging; `path` is the page's own. Filters lead to another address: no state here."""
    entry_filter = query.filter(services.clock(), zone, property_id)
    entries = audit.list_entries(services.database, entry_filter, before_id=query.before_id, limit=PAGE_SIZE + 1)
    shown_entries = entries[:PAGE_SIZE]
    _build_filters(services, query, path, property_id)
    with ui.element("section").classes(theme.CARD) as card:
        card.props["aria-label"] = _("Entries")
        if shown_entries:
            _build_entries(shown_entries, zone)
        else:
            empty_state(_("No entries"), _("Nothing matches these filters."), "book")
    with ui.element("div").classes(f"{theme.LINE} wraps"):
        if query.before_id is not None:
            link_button(_("Newest"), query.url(path, before=None), "back")
        if len(entries) > PAGE_SIZE:
            link_button(_("Older"), query.url(path, before=shown_entries[-1].id), "next")
        span(_("Times are in {zone}.", zone=zone.replace("_", " ")), f"{theme.MUTED} {theme.SMALL}")


def _build_filters(services: Services, query: AuditQuery, path: str, property_id: UUID | None) -> None:
    actors = audit.list_actors(services.database, property_id)
    options = {
        "period": (_("Period"), {key: _(label) for key, label in PERIOD_LABELS.items()}, query.period),
        "action": (
            _("Action"),
            {"": _("All")} | {key.value: _(label) for key, label in ACTION_LABELS.items()},
            query.action,
        ),
        "actor": (_("Person"), {"": _("All")} | {name: name for name in actors if name}, query.actor),
    }
    with ui.element("div").classes("auditfilters"):
        for name, (label, labels, value) in options.items():
            with ui.element("div"):
                chosen = value if value in labels else next(iter(labels))
                field = select(label, labels, chosen, is_searchable=name == "actor")
                field.on_value_change(
                    lambda event, name=name: ui.navigate.to(
                        query.url(path, **{name: event.value or "", "before": None})
                    )
                )


def _build_entries(entries: Sequence[AuditEntry], zone: str) -> None:
    with ui.element("div").classes(theme.SCROLL_X), ui.element("table").classes(f"{theme.TABLE} audit stacked"):
        with ui.element("thead"), ui.element("tr"):
            for heading in (_("Time"), _("Action"), _("Person"), _("Object"), _("Change")):
                text("th", heading).props('scope="col"')
        with ui.element("tbody"):
            for entry in entries:
                at = entry.at.astimezone(ZoneInfo(zone))
                with ui.element("tr"):
                    text("td", f"{at:%Y-%m-%d %H:%M:%S}", "num nowrap")
                    text("td", action_label(entry.action), "strong nowrap")
                    with ui.element("td"):
                        ui.label(entry.actor)
                        if entry.network:
                            ui.label(_("from {network}", network=entry.network)).classes(f"{theme.MUTED} {theme.SMALL}")
                    text("td", entry.target)
                    with ui.element("td"):
                        for line in change_lines(entry.before, entry.after):
                            ui.label(line).classes(theme.SMALL)


def action_label(action: str) -> str:
    """Returns an action in the reader's language; one that another version wrote as it is stored."""
    return _(ACTION_LABELS[Action(action)]) if action in set(Action) else action


def change_lines(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """Returns one line for each field, such as "timezone: UTC → Europe/Berlin"; a field of one side has one value."""
    sides = [side for side in (before, after) if side]
    names = dict.fromkeys(name for side in sides for name in side)
    values = {name: [_value_text(side[name]) for side in sides if name in side] for name in names}
    return [f"{name}: {' → '.join(texts)}" for name, texts in values.items()]


def _value_text(value: Any) -> str:
    if value is None:
        return "–"
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= MAX_VALUE_LENGTH else shown[:MAX_VALUE_LENGTH] + "…"


def csv_row(entry: AuditEntry) -> list[str]:
    """Returns the cells of an entry for CSV_HEADINGS, untranslated: programs read them."""
    before, after = (
        "" if value is None else json.dumps(value, ensure_ascii=False) for value in (entry.before, entry.after)
    )
    property_id = str(entry.property_id or "")
    at = entry.at.isoformat(timespec="seconds")
    return [at, entry.action, entry.actor, entry.target, property_id, before, after, entry.network]
