"""Share links panel of a property's settings: create, copy, change and revoke links, and code to embed them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from html import escape
from typing import Any

from nicegui import ui

from proprium.accounts import share_links
from proprium.accounts.audit import Actor
from proprium.accounts.share_links import MAX_ORIGIN_LENGTH
from proprium.errors import SignInRequired, UserFacingError
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
from proprium.metrics.query.parts import PART_LABELS, Part
from proprium.properties import service
from proprium.storage.tables import Property, ShareLink, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import field, select, switch, text_area, text_input
from proprium.ui.components.panels import code, panel
from proprium.ui.http import page_access
from proprium.ui.services import Services

ABOUT = N_(
    "Whoever has a link sees the live dashboard without an account, read-only. A link can have a password and an end,"
    " show one segment or some parts only, and be embedded in pages of other sites."
)
KEEP, NEVER = "keep", "never"
LIFETIME_DAYS = (7, 30, 90, 365)
ALL_VISITS = ""


class ShareLinksPanel:
    """Lists the share links of one property on an open settings page."""

    def __init__(self, services: Services, property_: Property) -> None:
        self._services, self._database, self._property_id = services, services.database, property_.id
        self._client = ui.context.client
        self._request = self._client.request
        with panel(_("Share links"), body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "share-links"
            with box.head:
                button(_("New link"), "plus", on_click=lambda: self._open_dialog(None))
            ui.label(_(ABOUT)).classes(theme.MUTED)
            self._list = ui.element("div").classes(theme.STACK)
        self._draw()

    def _draw(self) -> None:
        self._list.clear()
        links = share_links.list_links(self._database, self._property_id)
        open_ids = share_links.open_shares(
            self._database, [link.id for link in links], clock=self._services.clock
        ).keys()
        with self._list:
            for link in links:
                self._build_link(link, can_open=link.id in open_ids)
            if not links:
                ui.label(_("No share links yet.")).classes(f"{theme.MUTED} {theme.SMALL}")

    def _build_link(self, link: ShareLink, *, can_open: bool) -> None:
        name = link.name or _("Unnamed link")
        with ui.element("div").classes("sharelink").props('role="group"') as box:
            box.props["aria-label"] = name
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                with ui.element("div").classes("grow"):
                    ui.label(name).classes("strong")
                    ui.label(self._usage_text(link)).classes(f"{theme.MUTED} {theme.SMALL}")
                button(_("Embed"), "code", name=_("Embed {name}", name=name), on_click=lambda: self._show_codes(link))
                button(
                    _("Change"), "pencil", name=_("Change {name}", name=name), on_click=lambda: self._open_dialog(link)
                )
                button(_("Revoke"), "trash", name=_("Revoke {name}", name=name), on_click=lambda: self._revoke(link))
            code(self._url(link), name=_("Link to share"))
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                for text in self._restrictions(link, can_open=can_open):
                    tag(text)

    def _usage_text(self, link: ShareLink) -> str:
        created_on = f"{link.created_at:%-d %B %Y}"
        if link.used_at is None:
            return _("created {date}, never used", date=created_on)
        return _("created {date}, last used {last_date}", date=created_on, last_date=f"{link.used_at:%-d %B %Y}")

    def _restrictions(self, link: ShareLink, *, can_open: bool) -> Iterator[str]:
        now = self._services.clock()
        if link.expires_at is not None and link.expires_at <= now:
            yield _("Expired on {date}", date=f"{link.expires_at:%-d %B %Y}")
        elif not can_open:
            yield _("Does not open: the segment {segment} is gone", segment=link.segment or "")
        elif link.expires_at is not None:
            yield _("Until {date}", date=f"{link.expires_at:%-d %B %Y}")
        if link.password_hash:
            yield _("Password")
        if link.segment:
            yield _("Segment {segment}", segment=link.segment)
        if link.tiles:
            labels = (_(PART_LABELS[Part(name)]) for name in link.tiles)
            yield _("Only {parts}", parts=", ".join(labels))
        if not link.shows_data_keys:
            yield _("Without data keys")
        if link.frame_ancestors:
            count = len(link.frame_ancestors)
            yield ngettext("Embedded by {count} site", "Embedded by {count} sites", count)

    def _open_dialog(self, link: ShareLink | None) -> None:
        """Opens the dialog for a new link, or to change `link`."""
        property_ = service.find_any(self._database, self._property_id)
        with dialog(_("New share link") if link is None else _("Change share link")) as box:
            form = _LinkForm(property_, link)
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                button(
                    _("Create") if link is None else _("Save"), "check", kind=theme.PRIMARY, on_click=lambda: submit()
                )

        async def submit() -> None:
            values = form.values(self._services)
            clock = self._services.clock
            if link is None:
                work: Callable[[Actor], Any] = lambda actor: share_links.create(  # noqa: E731
                    self._database, self._property_id, actor, clock=clock, **values
                )
            else:
                link_id = link.id
                work = lambda actor: share_links.change(  # noqa: E731
                    self._database, self._property_id, link_id, actor, clock=clock, **values
                )
            if await self._run(work):
                box.close()
                toast(_("Share link created.") if link is None else _("Saved."))

        box.open()

    def _show_codes(self, link: ShareLink) -> None:
        """Shows the HTML to embed the dashboard and the badge, and the counter's address."""
        url, name = self._services.settings.public_url, escape(link.name or _("Dashboard"), quote=True)
        frame = (
            f'<iframe src="{url}/embed/{link.token}?theme=auto&amp;parts=cards,chart" title="{name}"'
            ' style="width: 100%; height: 480px; border: 0" loading="lazy"></iframe>'
        )
        badge = (
            f'<img src="{self._url(link)}/badge.svg?metric=30d" alt="{escape(_("Visitors"), quote=True)}" height="20">'
        )
        with dialog(_("Embed"), is_wide=True) as box:
            if link.frame_ancestors:
                ui.label(_("Works on: {sites}", sites=", ".join(link.frame_ancestors))).classes(theme.MUTED)
            else:
                ui.label(_("Change the link first: no site may embed it yet.")).classes("strong")
            ui.label(_("Dashboard in a frame")).classes("lab")
            code(frame, name=_("Code of the frame"))
            if link.password_hash is None:
                ui.label(_("Badge; metric is live, today or 30d")).classes("lab")
                code(badge, name=_("Code of the badge"))
                ui.label(_("Numbers as JSON")).classes("lab")
                code(f"{self._url(link)}/counter.json", name=_("Address of the counter"))
            with ui.element("div").classes("ft"):
                button(_("Done"), kind=theme.PRIMARY, on_click=box.close)
        box.open()

    def _revoke(self, link: ShareLink) -> None:
        name = link.name or _("Unnamed link")
        with dialog(_("Revoke {name}?", name=name)) as box:
            ui.label(_("Everybody who uses the link loses access at once. It cannot be restored."))
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                button(_("Revoke"), "trash", kind=f"{theme.DANGER} {theme.PRIMARY}", on_click=lambda: submit())

        async def submit() -> None:
            if await self._run(partial(self._revoke_now, link)):
                box.close()
                toast(_("{name} was revoked.", name=name))

        box.open()

    def _revoke_now(self, link: ShareLink, actor: Actor) -> None:
        share_links.revoke(self._database, self._property_id, link.id, actor)

    async def _run(self, work: Callable[[Actor], Any]) -> bool:
        """Does `work` in a thread if the user may still share the property; shows an error as a toast."""
        try:
            user = self._current_user()
            service.find_owned(self._database, self._property_id, user)
            actor = Actor.of_user(user, self._services.address_of(self._request))
            await self._services.hashing.run(partial(work, actor), is_known=True)  # it may hash a password
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return False
        await page_access.end_pages(self._services)
        with self._client:
            self._draw()
        return True

    def _current_user(self) -> User:
        """Reads the signed-in user again before each change: the login may have ended since the page was opened."""
        if (user := session.user_of(self._services, self._request)) is None:
            raise SignInRequired(_("Your session has ended. Sign in and try again."))
        return user

    def _url(self, link: ShareLink) -> str:
        return f"{self._services.settings.public_url}/share/{link.token}"


class _LinkForm:
    """The fields of a link."""

    def __init__(self, property_: Property, link: ShareLink | None) -> None:
        self._link = link
        self._name = text_input(
            _("Name"), value=link.name if link else "", placeholder=_("Client"), help_text=_("Only you see it."),
            autofocus=True,
        )  # fmt: skip
        has_password = link is not None and link.password_hash is not None
        password_help = (
            _("Leave empty to keep the password.") if has_password else _("Optional, at least 10 characters.")
        )
        self._password = text_input(_("Password"), help_text=password_help)
        self._password.props("type=password autocomplete=new-password")
        self._drops_password = switch(_("Remove the password"), False) if has_password else None
        ends = {NEVER: _("Never")} | {
            str(days): ngettext("In {count} day", "In {count} days", days) for days in LIFETIME_DAYS
        }
        if link is not None and link.expires_at is not None:
            ends = {KEEP: f"{link.expires_at:%-d %B %Y}"} | ends
        self._end = select(_("Expires"), ends, KEEP if KEEP in ends else NEVER)
        segment_names = [str(segment["name"]) for segment in property_.segments]
        if link is not None and link.segment and link.segment not in segment_names:
            segment_names.append(link.segment)
        segments = {ALL_VISITS: _("All visits")} | {name: name for name in segment_names}
        self._segment = select(
            _("Segment"), segments, (link.segment if link else None) or ALL_VISITS,
            help_text=_("Readers see only these visits, and cannot change that."),
        )  # fmt: skip
        with field(_("Parts"), _("Leave empty to show all.")):
            self._parts = ui.select(
                {part.value: _(label) for part, label in PART_LABELS.items()},
                multiple=True,
                value=list(link.tiles) if link else [],
            ).props("outlined dense options-dense hide-bottom-space use-chips")
            self._parts.props["aria-label"] = _("Parts")
        self._keys = switch(
            _("Show public data keys"),
            link.shows_data_keys if link else True,
            help_text=_("The keys that you made public in these settings."),
        )
        self._origins = text_area(
            _("Sites that may embed it"),
            link.frame_ancestors if link else [],
            placeholder="https://wiki.example.com",
            help_text=_("One origin per line. Leave empty to forbid frames."),
        )
        self._origins.props(f"maxlength={MAX_ORIGIN_LENGTH * 20}")

    def values(self, services: Services) -> dict[str, Any]:
        """Returns the arguments of `share_links.create` and `change`."""
        values: dict[str, Any] = {
            "name": self._name.value or "",
            "segment": self._segment.value or None,
            "tiles": list(self._parts.value or ()),
            "shows_data_keys": bool(self._keys.value),
            "frame_ancestors": (self._origins.value or "").splitlines(),
        }
        if self._drops_password is not None and self._drops_password.value:
            values["password"] = None
        elif self._password.value:
            values["password"] = self._password.value
        if self._end.value != KEEP:
            is_never = self._end.value == NEVER
            values["expires_at"] = None if is_never else services.clock() + timedelta(days=int(self._end.value))
        return values
