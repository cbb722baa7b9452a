"""Invitations: the dialog that prepares an account, the list of open ones, and the link that is handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

from nicegui import background_tasks, run, ui

from proprium.accounts import invitations, users
from proprium.accounts.invitations import Invitation
from proprium.errors import UserFacingError
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
from proprium.mail import texts
from proprium.mail.content import MailContent
from proprium.mail.mailer import Transport
from proprium.storage.tables import Property, PropertyRole, Role
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import field, row_select, select, text_input
from proprium.ui.components.panels import code
from proprium.ui.components.text import span
from proprium.ui.services import Services

OWNER, MEMBER, GUEST = "owner", "member", "guest"
RIGHTS_LABELS = {
    OWNER: N_("Owner"),
    MEMBER: N_("Member"),
    GUEST: N_("Member, cannot create properties"),
}
"""Rights on the instance: role and `may_create_properties` in one choice."""
PROPERTY_ROLE_LABELS = {
    PropertyRole.VIEWER: N_("Viewer"),
    PropertyRole.EDITOR: N_("Editor"),
    PropertyRole.OWNER: N_("Owner"),
}
PROPERTY_ROLES_TEXT = N_(
    "Viewers read the dashboard. Editors also change settings and goals and export raw events. Owners also publish,"
    " reset, transfer and delete the property, and decide who has access."
)
MIN_PROPERTIES_FOR_SEARCH = 8


def rights_of(role: Role, may_create: bool) -> str:
    """Returns the key of RIGHTS_LABELS."""
    return OWNER if role == Role.OWNER else MEMBER if may_create else GUEST


def role_options() -> dict[str, str]:
    return {role.value: _(label) for role, label in PROPERTY_ROLE_LABELS.items()}


def invitation_url(services: Services, token: str) -> str:
    return f"{services.settings.public_url}{invitations.PATH}?token={token}"


def deliver_invitation(services: Services, link: str, email: str) -> None:
    """Mails the link of an invitation where a mail server is set, and shows it to the person who sends it on."""
    lifetime = ngettext("{count} day", "{count} days", invitations.LIFETIME.days)
    sender = session.current_user(services)
    if services.mail.transport is Transport.SMTP and sender is not None:
        content = texts.invitation(services.mail.base_url, link, sender.name or sender.email, lifetime)
        background_tasks.create(run.io_bound(_queue_mail, services, users.validate_email(email), content))
        ui.label(_("The link was sent to {email}. It works once, within {lifetime}.", email=email, lifetime=lifetime))
    else:
        ui.label(_("Send this link to {email}. It works once, within {lifetime}.", email=email, lifetime=lifetime))
    code(link, name=_("Invitation link"))


def _queue_mail(services: Services, email: str, content: MailContent) -> None:
    with services.database.write_transaction() as transaction:
        services.mail.add(transaction, email, content)
    services.mail.wake()


class InvitationDialog:
    """Asks for an address and what its account gets; then shows the link."""

    def __init__(self, services: Services, properties: Sequence[Property], on_done: Callable[[], Any]) -> None:
        self._services, self._properties, self._on_done = services, properties, on_done
        self._roles: dict[UUID, ui.select] = {}

    def open(self) -> None:
        with dialog(_("Invite a user")) as box:
            with ui.element("div").classes(f"{theme.STACK} wide") as form:
                self._email = text_input(_("E-mail"), placeholder="ada@example.com", autofocus=True)
                labels = {key: _(label) for key, label in RIGHTS_LABELS.items()}
                help_text = _("Owners manage this server and see every property.")
                self._rights = select(_("Role"), labels, GUEST if self._properties else MEMBER, help_text=help_text)
                with ui.element("div").classes(theme.STACK) as access:
                    if self._properties:
                        self._build_properties()
                self._rights.on_value_change(lambda event: access.set_visibility(event.value != OWNER))
                with ui.element("div").classes("ft"):
                    button(_("Cancel"), on_click=box.close)
                    button(_("Invite"), "plus", kind=theme.PRIMARY, on_click=lambda: submit())
            link_box = ui.element("div").classes(theme.STACK)

        async def submit() -> None:
            email = (self._email.value or "").strip()
            try:
                token = await run.io_bound(self._invite, email, self._rights.value, self._chosen_roles())
            except UserFacingError as problem:
                toast(str(problem), "bad")
                return
            if token is None:  # run.io_bound returns None while the server shuts down
                return
            form.delete()
            with link_box:
                deliver_invitation(self._services, invitation_url(self._services, token), email)
                with ui.element("div").classes("ft"):
                    button(_("Done"), kind=theme.PRIMARY, on_click=box.close)
            self._on_done()

        self._email.on("keydown.enter", submit)
        self._request = ui.context.client.request
        box.open()

    def _build_properties(self) -> None:
        rows: list[tuple[str, ui.element]] = []
        with field(_("Properties"), _(PROPERTY_ROLES_TEXT)):
            if len(self._properties) >= MIN_PROPERTIES_FOR_SEARCH:
                search = ui.input(placeholder=_("Search")).props("outlined dense clearable debounce=150")
                search.props["aria-label"] = _("Search properties")
                search.on_value_change(lambda event: show_matches((event.value or "").strip().casefold()))
            with ui.element("div").classes("picklist"):
                for property_ in self._properties:
                    with ui.element("div").classes(theme.LINE) as row:
                        checkbox = ui.checkbox(property_.name).props("dense").classes("grow")
                        role = row_select(_("Role on {name}", name=property_.name), role_options(), "viewer")
                    role.set_visibility(False)
                    checkbox.on_value_change(
                        lambda event, id_=property_.id, role=role: self._tick(id_, role, event.value)
                    )
                    rows.append((property_.name.casefold(), row))

        def show_matches(search_text: str) -> None:
            for name, row in rows:
                row.set_visibility(search_text in name)

    def _tick(self, property_id: UUID, role: ui.select, is_ticked: bool) -> None:
        role.set_visibility(is_ticked)
        if is_ticked:
            self._roles[property_id] = role
        else:
            self._roles.pop(property_id, None)

    def _chosen_roles(self) -> dict[UUID, PropertyRole]:
        if self._rights.value == OWNER:
            return {}
        return {property_id: PropertyRole(role.value) for property_id, role in self._roles.items()}

    def _invite(self, email: str, rights: str, roles: dict[UUID, PropertyRole]) -> str:
        services = self._services
        user, actor = session.owner_of_server(services, self._request)
        return invitations.invite(
            services.database,
            email,
            role=Role.OWNER if rights == OWNER else Role.MEMBER,
            may_create=rights != GUEST,
            roles=roles,
            sender=user,
            actor=actor,
            clock=services.clock,
        )


def invitation_row(invitation: Invitation, summary: str, now: datetime, on_revoke: Callable[[], Any]) -> None:
    """Builds the table row of an open invitation."""
    with ui.element("tr"):
        with ui.element("td"):
            ui.label(invitation.email).classes("strong")
            days = max(1, ceil((invitation.expires_at - now) / timedelta(days=1)))
            expiry = ngettext("the link works for {count} more day", "the link works for {count} more days", days)
            ui.label(expiry).classes(f"{theme.MUTED} {theme.SMALL}")
        with ui.element("td"), ui.element("div").classes(f"{theme.LINE} wraps"):
            tag(_("Invited"), "warn")
            span(summary, theme.MUTED)
        with ui.element("td").classes("r"):
            name = _("Revoke the invitation of {email}", email=invitation.email)
            button(_("Revoke"), "trash", name=name, on_click=on_revoke)
