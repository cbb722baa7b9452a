"""Button that loads the sample property, or a link to it if the user has it."""

from __future__ import annotations

from nicegui import run, ui

from proprium.i18n import gettext as _
from proprium.properties import permissions, service
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import toast
from proprium.ui.services import Services

SAMPLE_NAME = "Exemplar"


def sample_button(services: Services, user: User | None) -> None:
    """Builds the button; nothing for users who cannot create properties."""
    add_sample = services.add_sample
    if add_sample is None or not permissions.may_create(user):
        return
    for property_ in service.visible_properties(services.database, user):
        if property_.name == SAMPLE_NAME:
            link_button(_("Open the sample property"), f"/properties/{property_.id}", "chart")
            return
    load_button = button(_("Load sample data"), "chart")

    async def load() -> None:
        current_user = session.current_user(services)
        if current_user is None or not permissions.may_create(current_user):
            toast(_("Your account cannot create properties. Ask the owner of this server."), "bad")
            return
        load_button.props["disabled"] = True
        toast(_("Sample data is being created. This takes some seconds."))
        if (sample := await run.io_bound(add_sample, current_user.id)) is not None:  # None: the server is stopping
            ui.navigate.to(f"/properties/{sample.id}")

    load_button.on("click", load)
