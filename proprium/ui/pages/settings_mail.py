"""E-mail settings page for owners: how mail is sent, a test mail, and the mails of the last 30 days."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from nicegui import run, ui
from nicegui.element import Element

from proprium.accounts import users
from proprium.errors import NotFound, UserFacingError
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.mail import queue
from proprium.mail.mailer import Mailer, Transport
from proprium.mail.queue import MailState
from proprium.mail.smtp import MailFailed
from proprium.storage.tables import OutgoingMail
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import note
from proprium.ui.components.fields import text_input
from proprium.ui.components.panels import code, panel
from proprium.ui.components.text import span, text, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

STATE_LABELS = {  # label, kind of the tag
    MailState.SENT: (N_("sent"), "good"),
    MailState.WAITING: (N_("waiting"), "warn"),
    MailState.FAILED: (N_("failed"), "bad"),
}
ENCRYPTION_LABELS = {
    "smtp": N_("STARTTLS where the server offers it"),
    "smtp+starttls": N_("STARTTLS always"),
    "smtps": N_("TLS always"),
}


def register(services: Services) -> None:
    @ui.page("/settings/mail")
    def settings_mail(request: Request) -> None:
        user = session.require_user(services, request)
        if not session.is_owner(user):
            raise NotFound(_("This page does not exist, or you do not have access to it."))
        with layout(services, request, _("E-mail"), user, access=PageAccess.of(request, user), width="narrow"):
            with ui.element("div").classes("pagehead"):
                title(_("E-mail"), "grow")
            _server_panel(services.mail)
            log_panel = _LogPanel(services) if services.mail.is_available else None
            if log_panel:
                _TestPanel(services, user.email, log_panel)
                log_panel.build()


def _server_panel(mailer: Mailer) -> None:
    with panel(_("Mail server"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
        if server := mailer.server:
            with box.head:
                tag(_("configured"), "good")
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for label, value in (
                    (_("Server"), server.name),
                    (_("Encryption"), _(ENCRYPTION_LABELS[server.scheme])),
                    (_("User"), server.user or _("none")),
                    (_("Sender"), mailer.sender),
                ):
                    with ui.element("tr"):
                        text("td", label, theme.MUTED)
                        text("td", value).style("overflow-wrap: anywhere")
            return
        if mailer.transport is Transport.LOG:
            note(_("No mail server is configured. In development, mails are written to the server's log."), "warn")
        else:
            note(_("No mail server is configured, so no mail is sent: no reset links, no invitations."), "warn")
        ui.label(_("Set these variables and restart the server:")).classes(theme.MUTED)
        code(
            "PROPRIUM_SMTP_URL=smtp://user:password@mail.example.com:587\nPROPRIUM_MAIL_FROM=stats@example.com",
            name=_("Mail settings"),
        )


class _TestPanel:
    """Sends a test mail and shows the server's own answer."""

    def __init__(self, services: Services, email: str, log_panel: _LogPanel) -> None:
        self._services, self._log_panel = services, log_panel
        with panel(_("Test mail"), body_classes=f"{theme.BODY} {theme.STACK}"):
            self._recipient = text_input(_("Recipient"), value=email)
            with ui.element("div"):
                self._button = button(_("Send test mail"), kind=theme.PRIMARY, on_click=self._send)
            self._answer = ui.element("div").props('aria-live="polite"')

    async def _send(self) -> None:
        if not session.is_owner(session.current_user(self._services)):
            return
        self._button.props["disabled"] = True
        self._show(_("Sending …"), "")
        try:
            answer = await self._services.mail.send_test(users.validate_email(self._recipient.value or ""))
        except UserFacingError as problem:
            self._show(str(problem), "bad")
        except MailFailed as failure:
            self._show(_("Not sent. Answer: {answer}", answer=str(failure)), "bad")
        else:
            self._show(_("Sent. The server's answer: {answer}", answer=answer) if answer else _("Written to the log."))
        finally:
            self._button.props["disabled"] = False
        await self._log_panel.refresh()

    def _show(self, message: str, kind: str = "good") -> None:
        self._answer.clear()
        with self._answer:
            note(message, kind)


class _LogPanel:
    """Lists the newest mails with their state."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._body: Element | None = None

    def build(self) -> None:
        with panel(_("Last mails"), hint=_("kept for {days} days", days=queue.LOG_LIFETIME.days)) as box:
            self._body = box.body
        self._draw(queue.latest(self._services.database))

    async def refresh(self) -> None:
        self._draw(await run.io_bound(queue.latest, self._services.database) or [])

    def _draw(self, mails: Sequence[OutgoingMail]) -> None:
        assert self._body is not None
        self._body.clear()
        with self._body:
            if not mails:
                ui.label(_("No mail was sent yet.")).classes(theme.MUTED)
                return
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for mail in mails:
                    _build_row(mail)


def _build_row(mail: OutgoingMail) -> None:
    label, kind = STATE_LABELS[queue.state_of(mail)]
    with ui.element("tr"):
        with ui.element("td"):
            ui.label(mail.subject).classes("strong")
            created_at = f"{mail.created_at:%-d %b %H:%M}"
            ui.label(_("to {recipient}, {time} UTC", recipient=mail.recipient, time=created_at)).classes(
                f"{theme.MUTED} {theme.SMALL}"
            ).style("overflow-wrap: anywhere")
            if mail.error:
                span(mail.error, theme.SMALL).style("overflow-wrap: anywhere")
        with ui.element("td").classes("r"):
            tag(_(label), kind)
