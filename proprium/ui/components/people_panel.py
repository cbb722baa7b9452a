"""People panel of a property's settings: who has access, with which role; adding, inviting, removing, transfer."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from proprium.accounts import invitations, users
from proprium.accounts.invitations import Invitation
from proprium.errors import NotFound
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.properties import access, service
from proprium.properties.access import PropertyMember
from proprium.storage.tables import Property, PropertyRole, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import row_select, text_input
from proprium.ui.components.invitations import (
    PROPERTY_ROLE_LABELS,
    PROPERTY_ROLES_TEXT,
    deliver_invitation,
    invitation_row,
    invitation_url,
    role_options,
)
from proprium.ui.components.panels import panel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.services import Services

SERVER_OWNERS_TEXT = N_("Owners of this server have access to every property and are not listed.")


class PeoplePanel:
    """Each change is saved at once, independent of the settings form and its Save button."""

    def __init__(self, services: Services, actions: PropertyActions, property_: Property) -> None:
        self._services, self._actions, self._property = services, actions, property_
        self._database = services.database
        self._client = ui.context.client
        with panel(_("People"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "people"
            with box.head:
                button(_("Transfer …"), "leave", name=_("Transfer the property"), on_click=self._open_transfer)
            ui.label(_(PROPERTY_ROLES_TEXT)).classes(theme.MUTED)
            self._list = ui.element("div").classes(theme.SCROLL_X)
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                self._email = ui.input(placeholder="ada@example.com").props("outlined dense hide-bottom-space")
                self._email.classes("grow").style("flex-basis: 180px").props["aria-label"] = _("E-mail")
                self._role = row_select(_("Role"), role_options(), PropertyRole.VIEWER.value)
                button(_("Add"), "plus", name=_("Add to this property"), on_click=self.add)
            ui.label(_(SERVER_OWNERS_TEXT)).classes(f"{theme.MUTED} {theme.SMALL}")
        self._email.on("keydown.enter", self.add)
        self._draw()

    def _draw(self) -> None:
        database, property_id = self._database, self._property.id
        owner = users.find_by_id(database, service.find_any(database, property_id).owner_id)
        self._list.clear()
        with self._list, ui.element("table").classes(f"{theme.TABLE} people stacked"), ui.element("tbody"):
            if owner is not None:
                with ui.element("tr"):
                    _name_cell(owner)
                    with ui.element("td"):
                        tag(_("Owner"), "good")
                    ui.element("td")
            for member in access.list_members(database, property_id):
                self._build_member(member)
            for invitation in invitations.list_open(database, property_id=property_id, clock=self._services.clock):
                label = _(PROPERTY_ROLE_LABELS[invitation.access[property_id]])
                invitation_row(invitation, label, self._services.clock(), partial(self._uninvite, invitation))

    def _build_member(self, member: PropertyMember) -> None:
        email = member.user.email
        with ui.element("tr"):
            _name_cell(member.user)
            with ui.element("td"):
                role = row_select(_("Role of {email}", email=email), role_options(), member.role.value)
                role.on_value_change(lambda event: self._set_role(member.user, PropertyRole(event.value)))
            with ui.element("td").classes("r"):
                remove = partial(self._revoke, member.user)
                button(_("Remove"), "trash", name=_("Remove {email}", email=email), on_click=remove)

    async def add(self) -> None:
        """Gives an existing account access, or invites the address."""
        email, role = (self._email.value or "").strip(), PropertyRole(self._role.value)

        def grant_or_invite() -> str:
            """Returns the token of an invitation, "" where the address has an account."""
            actor, user = self._actions.owner_of(self._property.id), self._current_user()
            try:
                account = users.find(self._database, users.validate_email(email))
            except NotFound:
                roles = {self._property.id: role}
                return invitations.invite(
                    self._database, email, roles=roles, sender=user, actor=actor, clock=self._services.clock
                )
            access.grant(self._database, self._property.id, account.id, role, actor=actor)
            return ""

        token = await self._actions.run_or_toast(grant_or_invite)
        if token is None:
            return
        self._email.value = ""
        self._draw()
        if not token:
            toast(_("{email} has access now.", email=email))
            return
        with self._client, dialog(_("{email} is invited", email=email)) as box:
            ui.label(_("This address has no account yet. The link creates one with access to this property."))
            deliver_invitation(self._services, invitation_url(self._services, token), email)
            with ui.element("div").classes("ft"):
                button(_("Done"), kind=theme.PRIMARY, on_click=box.close)
        box.open()

    async def _set_role(self, user: User, role: PropertyRole) -> None:
        def grant() -> bool:
            actor = self._actions.owner_of(self._property.id)
            access.grant(self._database, self._property.id, user.id, role, actor=actor)
            return True

        if await self._actions.run_or_toast(grant):
            toast(_("Saved."))
        self._draw()

    async def _revoke(self, user: User) -> None:
        def revoke() -> bool:
            access.revoke(self._database, self._property.id, user.id, actor=self._actions.owner_of(self._property.id))
            return True

        if await self._actions.run_or_toast(revoke):
            toast(_("{email} has no access any more.", email=user.email))
        self._draw()

    async def _uninvite(self, invitation: Invitation) -> None:
        def revoke() -> bool:
            actor = self._actions.owner_of(self._property.id)
            invitations.revoke(self._database, invitation.id, sender=self._current_user(), actor=actor)
            return True

        if await self._actions.run_or_toast(revoke):
            toast(_("The invitation of {email} is revoked.", email=invitation.email))
        self._draw()

    def _open_transfer(self) -> None:
        name = self._property.name
        with dialog(_("Transfer {name}?", name=name)) as box:
            ui.label(_("The new owner decides who has access. The present owner becomes an editor."))
            email = text_input(_("E-mail of the new owner"), placeholder="ada@example.com", autofocus=True)
            confirmation = text_input(_("Type {name} to confirm", name=name), placeholder=name)
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                transfer_button = button(_("Transfer"), kind=f"{theme.DANGER} {theme.PRIMARY}")

        def transfer() -> Property:
            actor = self._actions.owner_of(self._property.id)
            new_owner = users.find(self._database, email.value or "")
            return access.transfer(self._database, self._property.id, new_owner.id, actor=actor)

        async def submit() -> None:
            if (confirmation.value or "").strip() != name:
                return
            if await self._actions.run_or_toast(transfer):
                box.close()
                toast(_("{name} belongs to {email} now.", name=name, email=(email.value or "").strip()))
                self._draw()

        def update_button() -> None:
            transfer_button.props["disabled"] = (confirmation.value or "").strip() != name

        confirmation.on_value_change(update_button)
        transfer_button.on("click", submit)
        update_button()
        box.open()

    def _current_user(self) -> User | None:
        return session.user_of(self._services, self._client.request)


def _name_cell(user: User) -> None:
    with ui.element("td"):
        ui.label(user.name or user.email).classes("strong")
        if user.name:
            ui.label(user.email).classes(f"{theme.MUTED} {theme.SMALL}")
