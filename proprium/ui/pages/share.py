"""Pages of a share link: the live dashboard of one property, read-only, as a page of its own and in a frame."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from html import escape

from fastapi import Request
from nicegui import ui

from proprium.accounts import share_links
from proprium.accounts.share_links import OpenShare
from proprium.errors import BadQuery, Forbidden
from proprium.i18n import gettext as _
from proprium.metrics.query.goals import parse_segments
from proprium.metrics.query.parts import ALL_PARTS, Part, parts_from
from proprium.properties.site_address import site_host
from proprium.serialization import queries
from proprium.ui import theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import error_note, show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.rebuild_notice import RebuildNotice
from proprium.ui.components.text import span, title
from proprium.ui.dashboard.controller import DashboardController
from proprium.ui.dashboard.export_menu import ExportMenu
from proprium.ui.dashboard.keyboard import show_shortcuts
from proprium.ui.dashboard.state import DashboardState, state_from
from proprium.ui.dashboard.toolbar import MenuEntry, MoreMenu, PdfButton
from proprium.ui.http import light_page
from proprium.ui.http.asset_urls import preload_html
from proprium.ui.http.html_head import stylesheet_html
from proprium.ui.http.page_access import ANYONE, PageAccess
from proprium.ui.http.security import allow_framing
from proprium.ui.http.share_access import knows_password, open_share, paths_of
from proprium.ui.layout import RESPONSE_TIMEOUT_S, Layout, layout, wait_until_connected
from proprium.ui.render_queue import yield_to_loop
from proprium.ui.services import Services

THEMES = ("light", "dark", "auto")
# In a frame of another site, browsers that block third-party storage throw where the framework reads it.
STORAGE_SCRIPT = """<script>
for (const name of ['localStorage', 'sessionStorage']) {
  try { window[name].length; } catch {
    const items = new Map();
    Object.defineProperty(window, name, {configurable: true, value: {
      getItem: (key) => items.get(String(key)) ?? null,
      setItem: (key, value) => { items.set(String(key), String(value)); },
      removeItem: (key) => { items.delete(String(key)); },
      clear: () => items.clear(),
      key: (index) => [...items.keys()][index] ?? null,
      get length() { return items.size; },
    }});
  }
}
</script>"""
MIN_HEIGHT_PX, MAX_HEIGHT_PX = 100, 10_000


def register(services: Services) -> None:
    @ui.page("/share/{token}", response_timeout=RESPONSE_TIMEOUT_S)
    async def share(request: Request, token: str) -> None:
        await _SharePage(services, request, open_share(services, token), is_embedded=False).show()

    @ui.page("/embed/{token}", response_timeout=RESPONSE_TIMEOUT_S)
    async def embed(request: Request, token: str) -> None:
        share = open_share(services, token)
        allow_framing(request, share.link.frame_ancestors)
        await _SharePage(services, request, share, is_embedded=True).show()


class _SharePage:
    """One request for a share link's page. Whoever is signed in to the browser sees what the link grants, no more."""

    def __init__(self, services: Services, request: Request, share: OpenShare, *, is_embedded: bool) -> None:
        self._services, self._request, self._share, self._is_embedded = services, request, share, is_embedded
        self._path = paths_of(share.link.token)[1 if is_embedded else 0]
        self._is_light = light_page.is_wanted(request)

    async def show(self) -> None:
        services, share = self._services, self._share
        if not knows_password(services, self._request, share.link):
            self._ask_for_password()
            return
        if services.warehouse.rebuild_percent() is not None:
            with self._layout(share.property_.name):
                title(share.property_.name)
                notice = RebuildNotice(services.warehouse)
            if await wait_until_connected() and await notice.wait():
                ui.navigate.reload()
            return
        facts = await asyncio.to_thread(queries.facts_of, services.warehouse, share.property_, share.data_access)
        async with services.render_queue.build():
            with self._layout(share.property_.name, has_numbers=True) as page_layout:
                ui.add_head_html(stylesheet_html("dashboard"))
                try:
                    parts = self._parts()
                    state = state_from(
                        self._request.query_params,
                        facts,
                        services.clock(),
                        path=self._path,
                        page_params=self._page_params(),
                    )
                except (BadQuery, Forbidden) as error:
                    error_note(str(error))
                    link_button(_("Show the last 28 days of {name}", name=share.property_.name), self._path)
                    return
                if Part.PLACES in parts and not self._is_light:
                    ui.add_head_html(preload_html(services.atlas))
                controller = await self._build(page_layout, state, parts)
                await controller.show_first()
        await asyncio.to_thread(share_links.record_use, services.database, share.link, clock=services.clock)
        if self._is_light:
            light_page.mark()
        elif await wait_until_connected():
            await controller.start()

    def _layout(
        self, name: str, *, has_numbers: bool = False, access: PageAccess | None = None
    ) -> AbstractContextManager[Layout]:
        """Enters the page's layout; `has_numbers` is True where its picture may show them."""
        share = self._share
        image_url = f"{paths_of(share.link.token)[0]}/card.png"
        has_image = has_numbers and share.has_numbers and share.link.password_hash is None
        return layout(
            self._services,
            self._request,
            name,
            access=access or PageAccess.of_share(share),
            is_tracked=False,
            has_navigation=False,
            image_url=image_url if has_image else "",
            is_indexed=False,
            is_embedded=self._is_embedded,
        )

    def _ask_for_password(self) -> None:
        """Builds the form. It says nothing about the property, not even its name."""
        with self._layout(_("Shared dashboard"), access=ANYONE):
            with ui.element("div").classes("slim-form"):
                title(_("This dashboard needs a password"))
                show_flash(self._request.query_params.get("said", ""))
                with post_form(f"{paths_of(self._share.link.token)[0]}/password"):
                    hidden_input("embed", "yes" if self._is_embedded else "")
                    hidden_input("query", "" if "said" in self._request.query_params else self._request.url.query)
                    native_input(_("Password"), "password", input_type="password", autocomplete="off", autofocus="")
                    button(_("Open"), kind=f"{theme.PRIMARY} big", is_submit=True)
            self._apply_embed_parameters()
        light_page.mark(loads_live_page=False)

    def _parts(self) -> frozenset[Part]:
        """Returns the parts to show: those that the link grants, and of them those that an embed's address names."""
        granted = self._share.parts
        names = self._request.query_params.get("parts", "") if self._is_embedded else ""
        parts = granted & parts_from(names.split(","))
        if not parts:
            raise BadQuery(_("This link does not include {parts}.", parts=repr(names[:60])))
        return parts

    def _page_params(self) -> tuple[tuple[str, str], ...]:
        """Returns the parameters of an embed's address that stay while its reader clicks."""
        if not self._is_embedded:
            return ()
        params = self._request.query_params
        return tuple((name, params[name][:200]) for name in ("theme", "height", "parts") if params.get(name))

    async def _build(self, page_layout: Layout, state: DashboardState, parts: frozenset[Part]) -> DashboardController:
        services, share = self._services, self._share
        property_ = share.property_
        # Names of segments are no secret of a link that shows all visits, but one of a link that shows one segment's.
        segments = () if share.link.segment or parts < ALL_PARTS else parse_segments(property_.segments)
        host = site_host(property_.hostnames, property_.name)
        controller = DashboardController(
            services, state, can_edit=False, segments=segments, site_host=host, parts=parts
        )
        with page_layout.toolbar:
            span(property_.name, "strong cut")
            if Part.CARDS in parts:
                controller.build_live_dot([])
        with page_layout.actions:
            controller.build_period_picker()
            await yield_to_loop()
            controller.segments.build_menu()
            if not self._is_embedded:
                self._build_menu(controller)
        await yield_to_loop()
        title(property_.name, "hidden-name")  # the toolbar shows it
        await controller.build()
        controller.build_footer(page_layout)
        self._apply_embed_parameters()
        return controller

    def _build_menu(self, controller: DashboardController) -> None:
        entries: list[MenuEntry] = []
        if self._share.data_access.dimensions != frozenset():
            button("", "filter", name=_("Filter"), on_click=controller.open_filter_dialog).classes(theme.HIDE_ON_PHONE)
            entries.append((_("Filter …"), "filter", controller.open_filter_dialog, ""))
        if self._share.has_numbers:
            export_menu = ExportMenu(self._services, self._share.property_, controller)
            export_menu.pdf_button = PdfButton(export_menu.download_pdf)
            entries += [
                (_("Export PDF"), "print", export_menu.download_pdf, ""),
                (_("Export Markdown"), "file", export_menu.download_markdown, ""),
                (_("Export CSV (zip)"), "table", lambda: export_menu.download_data("csv"), ""),
                (_("Export JSON"), "code", lambda: export_menu.download_data("json"), ""),
            ]
        entries.append((_("Keyboard shortcuts"), "keyboard", show_shortcuts, theme.HIDE_ON_PHONE))
        MoreMenu(entries)

    def _apply_embed_parameters(self) -> None:
        """Applies theme and height of an embed's address; values that are not valid are ignored."""
        if not self._is_embedded:
            return
        ui.add_head_html(STORAGE_SCRIPT)
        params = self._request.query_params
        chosen_theme, height = params.get("theme", "auto"), params.get("height", "")
        if chosen_theme not in THEMES:
            chosen_theme = "auto"
        ui.add_head_html(f"<script>propriumTheme.fix('{escape(chosen_theme)}')</script>")
        if height.isascii() and height.isdigit() and MIN_HEIGHT_PX <= int(height[:6]) <= MAX_HEIGHT_PX:
            ui.add_head_html(f"<style>html{{height:{int(height)}px;overflow-y:auto}}</style>")
