"""Users page, for owners of the server: accounts, their rights, open invitations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import Request
from nicegui import run, ui

from proprium.accounts import invitations, users
from proprium.accounts.audit import Actor
from proprium.accounts.invitations import Invitation
from proprium.accounts.users import UserSummary
from proprium.errors import UserFacingError
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.properties import service
from proprium.storage.tables import Role, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import row_select, select
from proprium.ui.components.invitations import (
    GUEST,
    OWNER,
    RIGHTS_LABELS,
    InvitationDialog,
    invitation_row,
    rights_of,
)
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span, text, title
from proprium.ui.components.times import last_active_text
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

INVITATIONS_TABLE = f"{theme.TABLE} people stacked"


def register(services: Services) -> None:
    @ui.page("/settings/users")
    def users_page(request: Request) -> None:
        user = session.require_owner(services, request)
        access = PageAccess.of(request, user)
        with layout(services, request, _("Users"), user, access=access):
            _UsersPage(services, user)


class _UsersPage:
    """The list on one open page."""

    def __init__(self, services: Services, user: User) -> None:
        self._services, self._database, self._user_id = services, services.database, user.id
        self._request = ui.context.client.request
        with ui.element("div").classes("pagehead"):
            title(_("Users"), "grow")
            link_button(_("Audit log"), "/settings/audit", "book")
            link_button(_("Settings"), "/settings", "settings")
            button(_("Invite"), "plus", kind=theme.PRIMARY, on_click=self._open_invitation)
        with panel(_("Accounts"), body_classes=f"{theme.BODY} {theme.SCROLL_X}") as accounts:
            self._accounts = accounts.body
        with panel(_("Open invitations"), body_classes=f"{theme.BODY} {theme.SCROLL_X}") as open_invitations:
            self._invitations = open_invitations
        self._draw()

    def _draw(self) -> None:
        services = self._services
        summaries = users.summaries(self._database)
        self._accounts.clear()
        with self._accounts, ui.element("table").classes(f"{theme.TABLE} people stacked"):
            headings = (_("Name"), _("Role"), _("Properties"), _("Last seen"), _("Second factor"))
            with ui.element("thead"), ui.element("tr"):
                for heading in headings:
                    text("th", heading).props('scope="col"')
                ui.element("td")
            with ui.element("tbody"):
                for summary in summaries:
                    self._build_row(summary, summaries)
        open_invitations = invitations.list_open(self._database, clock=services.clock)
        self._invitations.card.set_visibility(bool(open_invitations))
        self._invitations.body.clear()
        with self._invitations.body, ui.element("table").classes(INVITATIONS_TABLE), ui.element("tbody"):
            for invitation in open_invitations:
                revoke = partial(self._uninvite, invitation)
                invitation_row(invitation, _invitation_text(invitation), services.clock(), revoke)

    def _build_row(self, summary: UserSummary, summaries: list[UserSummary]) -> None:
        user, now = summary.user, self._services.clock()
        with ui.element("tr"):
            with ui.element("td"):
                with ui.element("div").classes(theme.LINE):
                    ui.label(user.name or user.email).classes("strong")
                    if user.id == self._user_id:
                        tag(_("you"))
                if user.name:
                    ui.label(user.email).classes(f"{theme.MUTED} {theme.SMALL}")
            with ui.element("td"):
                labels = {key: _(label) for key, label in RIGHTS_LABELS.items()}
                name = _("Role of {email}", email=user.email)
                rights = row_select(name, labels, rights_of(user.role, user.may_create_properties))
                rights.on_value_change(lambda event: self._set_rights(user, event.value))
            with ui.element("td") as cell:
                cell.props["data-label"] = _("Properties")
                span(_properties_text(summary))
            with ui.element("td"):
                span(last_active_text(now, user.seen_at) if user.seen_at else _("never seen"), theme.MUTED)
            with ui.element("td") as cell:
                cell.props["data-label"] = _("Second factor")
                tag(_("On"), "good") if summary.has_second_factor else tag(_("Off"))
            with ui.element("td").classes("r"):
                name = _("Remove {email}", email=user.email)
                button(_("Remove"), "trash", name=name, on_click=lambda: self._open_removal(summary, summaries))

    def _open_invitation(self) -> None:
        user, _actor = session.owner_of_server(self._services, self._request)
        properties = service.visible_properties(self._database, user)
        InvitationDialog(self._services, properties, self._draw).open()

    async def _set_rights(self, user: User, rights: str) -> None:
        role = Role.OWNER if rights == OWNER else Role.MEMBER
        # An owner creates properties in any case: what they had as a member is kept for later.
        may_create = None if role == Role.OWNER else rights != GUEST

        def change(actor: Actor) -> None:
            users.set_role(self._database, user.id, role, may_create=may_create, actor=actor)

        if await self._run_or_toast(change):
            toast(_("Saved."))
        self._draw()

    def _open_removal(self, summary: UserSummary, summaries: list[UserSummary]) -> None:
        email = summary.user.email
        new_owner: ui.select | None = None
        with dialog(_("Remove {email}?", email=email)) as box:
            ui.label(_("They are signed out at once, and their API keys stop working."))
            if summary.owned_count:
                options = {"": _("Owners of this server")}
                options |= {each.user.email: each.user.email for each in summaries if each.user.email != email}
                count = summary.owned_count
                label = ngettext("Their {count} property goes to", "Their {count} properties go to", count)
                new_owner = select(label, options, "")
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                remove_button = button(_("Remove"), "trash", kind=f"{theme.DANGER} {theme.PRIMARY}")

        def remove(actor: Actor) -> None:
            hand_over_to = new_owner.value if new_owner is not None and new_owner.value else None
            users.remove(self._database, email, hand_over_to=hand_over_to, actor=actor)

        async def submit() -> None:
            if await self._run_or_toast(remove):
                box.close()
                toast(_("{email} is removed.", email=email))
                self._draw()

        remove_button.on("click", submit)
        box.open()

    async def _uninvite(self, invitation: Invitation) -> None:
        def revoke(actor: Actor) -> None:
            invitations.revoke(self._database, invitation.id, actor=actor)

        if await self._run_or_toast(revoke):
            toast(_("The invitation of {email} is revoked.", email=invitation.email))
        self._draw()

    async def _run_or_toast(self, change: Callable[[Actor], Any]) -> bool:
        """Runs a change of an owner in a thread; shows an error as a toast and returns False."""

        def run_change() -> bool:
            change(session.owner_of_server(self._services, self._request)[1])
            return True

        try:
            return bool(await run.io_bound(run_change))
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return False


def _properties_text(summary: UserSummary) -> str:
    if summary.user.role == Role.OWNER:
        return _("all")
    return str(summary.owned_count + summary.shared_count)


def _invitation_text(invitation: Invitation) -> str:
    role = _(RIGHTS_LABELS[rights_of(invitation.role, invitation.may_create_properties)])
    if not invitation.access:
        return role
    count = ngettext("{count} property", "{count} properties", len(invitation.access))
    return f"{role} · {count}"
