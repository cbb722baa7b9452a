"""Texts of all e-mails that the server sends."""

from __future__ import annotations

from proprium.i18n import gettext as _
from proprium.mail.content import MailContent


def test_mail(base_url: str) -> MailContent:
    return MailContent(
        _("Test mail of {server}", server=base_url),
        (_("E-mail works: this mail was sent from the settings of {server}.", server=base_url),),
    )


def password_reset(base_url: str, link: str) -> MailContent:
    return MailContent(
        _("Reset your password"),
        (
            _("Somebody, probably you, asked for a new password for your account on {server}.", server=base_url),
            _("Choose it here. The link works once, for one hour:"),
        ),
        link,
        _("Choose a new password"),
        (_("If it was not you, ignore this mail: your password stays as it is."),),
    )


def invitation(base_url: str, link: str, sender: str, lifetime: str) -> MailContent:
    """`lifetime` is a text such as "7 days"."""
    return MailContent(
        _("You are invited to {server}", server=base_url),
        (
            _("{sender} invites you to the website analytics on {server}.", sender=sender, server=base_url),
            _("Create your account here. The link works once, within {lifetime}:", lifetime=lifetime),
        ),
        link,
        _("Create account"),
        (_("If you do not know {sender}, ignore this mail.", sender=sender),),
    )


def email_change(base_url: str, link: str) -> MailContent:
    return MailContent(
        _("Confirm your e-mail address"),
        (
            _("An account on {server} is to use this e-mail address.", server=base_url),
            _("Confirm it here. The link works once, for one hour:"),
        ),
        link,
        _("Confirm e-mail address"),
        (_("If it is not your account, ignore this mail: nothing changes."),),
    )


def email_changed(base_url: str, new_email: str) -> MailContent:
    return MailContent(
        _("Your e-mail address was changed"),
        (
            _("Your account on {server} uses another e-mail address now: {email}.", server=base_url, email=new_email),
            _("If that was not you, ask an owner of the server for help at once."),
        ),
    )
