"""Panels of the account page for the second factor: authenticator app, passkeys and recovery codes."""

from __future__ import annotations

from nicegui import ui

from proprium.accounts import second_factor
from proprium.accounts.second_factor import Factors
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.storage.tables import Passkey, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.panels import panel
from proprium.ui.components.passkey_buttons import add_button
from proprium.ui.services import Services


def build_second_factor_panels(services: Services, user: User) -> None:
    """Builds the panels: what is on, and forms to add and remove."""
    factors = second_factor.factors_of(services.database, user.id)
    _passkeys_panel(factors)
    _app_panel(user, factors)
    if factors.has_any:
        _codes_panel(user, factors.recovery_code_count)


def _passkeys_panel(factors: Factors) -> None:
    with panel(_("Passkeys"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
        box.card.props('id="passkeys"')
        ui.label(
            _(
                "Sign in with your fingerprint, your face or a security key. Once you have one, your password alone"
                " does not sign you in."
            )
        ).classes(theme.MUTED)
        if factors.passkeys:
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for passkey in factors.passkeys:
                    _passkey_row(passkey)
        with ui.element("div").classes(f"{theme.LINE} wraps").style("align-items: flex-end"):
            with ui.element("div").classes("grow"):
                native_input(_("Name of the new passkey"), "passkey-name", is_required=False, placeholder=_("Laptop"))
            add_button()


def _passkey_row(passkey: Passkey) -> None:
    created_on = f"{passkey.created_at:%-d %B %Y}"
    used_on = f"{passkey.used_at:%-d %B %Y}" if passkey.used_at else ""
    with ui.element("tr"):
        with ui.element("td"):
            with post_form("/auth/passkey/rename", f"{theme.LINE}"):
                hidden_input("passkey", str(passkey.id))
                field = ui.element("input").classes(f"{theme.INPUT} grow")
                field.props.update({"name": "name", "value": passkey.name, "maxlength": "100"})
                field.props["aria-label"] = _("Name of the passkey {name}", name=passkey.name)
                button(_("Rename"), is_submit=True, name=_("Rename the passkey {name}", name=passkey.name))
            ui.label(
                _("added {date}, last used {last_date}", date=created_on, last_date=used_on)
                if used_on
                else _("added {date}, never used", date=created_on)
            ).classes(f"{theme.MUTED} {theme.SMALL}")
        with ui.element("td").classes("r"), post_form("/auth/passkey/remove", ""):
            hidden_input("passkey", str(passkey.id))
            button(_("Remove"), is_submit=True, name=_("Remove the passkey {name}", name=passkey.name))


def _app_panel(user: User, factors: Factors) -> None:
    with panel(_("Authenticator app"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
        box.card.props('id="authenticator"')
        with box.head:
            tag(_("on") if factors.has_app else _("off"), "good" if factors.has_app else "")
        ui.label(_("After your password, you enter a code that an app on your phone shows.")).classes(theme.MUTED)
        if factors.has_app:
            _confirmed_form(user, "/auth/authenticator/off", _("Turn off"), "off-password")
        else:
            with ui.element("div"):
                link_button(_("Set up"), session.FACTOR_SETUP_PATH)


def _codes_panel(user: User, count: int) -> None:
    with panel(_("Recovery codes"), body_classes=f"{theme.BODY} {theme.STACK}"):
        ui.label(
            ngettext("{count} recovery code is left.", "{count} recovery codes are left.", count)
            if count
            else _("No recovery codes are left. Create new ones.")
        ).classes(theme.MUTED)
        _confirmed_form(user, "/auth/recovery-codes", _("New recovery codes"), "codes-password")


def _confirmed_form(user: User, action: str, label: str, field_id: str) -> None:
    """Builds a form that asks for the password; for a code of those who have none."""
    with post_form(action, f"{theme.LINE} wraps") as form:
        form.style("align-items: flex-end")
        hidden_input("username", user.email, autocomplete="username")
        with ui.element("div").classes("grow"):
            if user.password_hash:
                native_input(
                    _("Password"),
                    "password",
                    input_type="password",
                    autocomplete="current-password",
                    id=f"field-{field_id}",
                )
            else:
                native_input(_("Code"), "password", autocomplete="one-time-code", id=f"field-{field_id}")
        button(label, is_submit=True)
