"""Page layout: head, top bar, navigation, theme toggle, footer and Proprium's own tracking script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import Request
from nicegui import run, ui
from nicegui.client import ClientConnectionTimeout
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from proprium.accounts import preferences
from proprium.accounts.preferences import Theme
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, icon
from proprium.ui.http import page_access
from proprium.ui.http.html_head import head_html
from proprium.ui.http.page_access import PageAccess
from proprium.ui.services import Services

CONNECT_TIMEOUT_S = 60.0
RESPONSE_TIMEOUT_S = 30.0
"""Timeout for building a large page. NiceGUI's default of 3 s is too short when many pages are opened at once."""
MENU_KEYS_SCRIPT = """<script>
// Arrow keys, Home and End move in an open menu; arrow down opens the menu of a button.
addEventListener('keydown', (event) => {
  const steps = {ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity};
  const step = steps[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  // While it opens, the focus is still on its button, or nowhere.
  const isOutside = event.target === document.body || event.target.hasAttribute?.('aria-haspopup');
  const popup = event.target.closest?.('.q-menu') ?? (isOutside ? document.querySelector('.q-menu') : null);
  const inner = popup?.matches('[role=menu]') ? popup : popup?.querySelector('[role=menu]');
  const menu = event.target.closest?.('[role=menu]') ?? inner;
  if (!menu && event.key === 'ArrowDown' && event.target.getAttribute?.('aria-haspopup') === 'menu') {
    event.preventDefault();
    event.target.click();
    return;
  }
  if (!menu || event.target.matches('input, textarea, select')) return;
  const items = [...menu.querySelectorAll('[role^=menuitem]')].filter((item) => item.offsetWidth);
  if (!items.length) return;
  event.preventDefault();
  event.stopPropagation();
  const index = items.indexOf(document.activeElement);
  const next = index < 0 ? (step > 0 ? 0 : items.length - 1) : index + step;
  const last = items.length - 1;
  items[Number.isFinite(step) ? (next + items.length) % items.length : step > 0 ? last : 0].focus();
}, true);
</script>"""
NO_INDEX_HTML = '<meta name="robots" content="noindex">'
DEFAULT_DESCRIPTION = N_("Website analytics that run on your own server, written entirely in Python.")


@dataclass(frozen=True)
class Layout:
    """Slots of a page, yielded by `with layout(…)`, which enters the main column."""

    toolbar: Element  # left side of the top bar, next to the logo
    actions: Element  # right side of the top bar, before the theme toggle
    main: Element
    footer: Element

    def on_theme_change(self, callback: Callable[[bool], Any]) -> None:
        """Calls back with True (dark) or False (light) on every change.

        The initial theme is `is_dark()`.
        """
        ui.on("theme", lambda event: callback(bool(event.args["dark"])))

    async def is_dark(self) -> bool:
        """Returns True if the browser shows the dark theme.

        One round trip: call it once the page is connected.
        """
        return bool(await ui.run_javascript("propriumTheme.isDark()", timeout=5))


async def wait_until_connected() -> bool:
    """Waits until the browser opens the page's socket. Returns False if it does not: crawlers and curl never do.

    NiceGUI deletes such a page after the same minute; waiting longer would only raise an error in the log.
    """
    with suppress(ClientConnectionTimeout):
        await ui.context.client.connected(timeout=CONNECT_TIMEOUT_S)
        return not ui.context.client.is_deleted
    return False


@contextmanager
def layout(
    services: Services,
    request: Request,
    title: str,
    user: User | None = None,
    *,
    access: PageAccess,
    description: str = "",
    is_tracked: bool = True,
    width: str = "",
    has_navigation: bool = True,
    image_url: str = "",
    is_indexed: bool = True,
    is_embedded: bool = False,
) -> Iterator[Layout]:
    """Builds the page around its main column, and enters that column. `width` is "", "narrow" or "slim".

    `title` and `description` are for browsers and search engines, in the reader's language. `access` states the rights
    that the page requires: the page is ended when its reader loses them. `image_url` is the picture that other sites
    show with a link to the page. `is_embedded` leaves out what belongs around a page: its top bar has no logo and no
    menu, and it has no footer.
    """
    page_access.register(services, access)
    _replace_main_element()
    _add_head_html(services, request, title, description or _(DEFAULT_DESCRIPTION), image_url, is_tracked=is_tracked)
    if not is_indexed:
        ui.add_head_html(NO_INDEX_HTML)
    if is_embedded:
        ui.context.client.layout.classes("embedded")
    else:
        ui.link(_("Skip to content"), "#main").classes("skip")
    with ui.element("header").classes("top"), ui.element("div"):
        if not is_embedded:
            with ui.element("a").classes("brand").props('href="/"') as brand:
                brand.props["aria-label"] = _("Proprium, home")
                ui.element("span").classes("logo")
                ui.label("Proprium").classes(theme.HIDE_ON_PHONE)
        toolbar = ui.element("div").classes("slot")
        actions = ui.element("div").classes("actions")
        with ui.element("div").classes("actions"):
            if has_navigation:
                _build_navigation(request, user)
            if not is_embedded:
                _build_theme_toggle()
            if user:
                _keep_theme(services, user)
    main = ui.element("main").classes(f"wrap {width}").props('id="main"')
    with ui.element("footer").classes("foot") as footer:
        ui.label("Proprium")
        if not is_embedded:
            ui.link(_("Documentation"), "/documentation")
            ui.link(_("Changelog"), "/changelog")
    with main:
        yield Layout(toolbar=toolbar, actions=actions, main=main, footer=footer)


def _keep_theme(services: Services, user: User) -> None:
    """Shows the theme of the account, before the first paint, and stores what the reader chooses there."""
    if user.theme in set(Theme):
        ui.add_head_html(f"<script>propriumTheme.choose({str(user.theme)!r})</script>")

    async def save(event: GenericEventArguments) -> None:
        if current := session.current_user(services):
            await run.io_bound(preferences.set_theme, services.database, current.id, str(event.args.get("choice")))

    ui.on("theme-choice", save)


def _build_theme_toggle() -> None:
    # The style sheet shows the icon of the current choice.
    with button("", "auto", name=_("Theme: automatic, light or dark")).classes("theme-toggle") as toggle_button:
        icon("sun")
        icon("moon")
        ui.tooltip(_("Theme: automatic, light, dark"))
    toggle_button.on("click", js_handler="() => propriumTheme.next()")


def _replace_main_element() -> None:
    """Makes NiceGUI's page element a <div>: it is a <main> around header and footer, and a page has one <main>."""
    page_slot = ui.context.client.content.parent_slot
    assert page_slot is not None
    page_slot.parent.tag = "div"


def _add_head_html(
    services: Services, request: Request, title: str, description: str, image_url: str, *, is_tracked: bool
) -> None:
    ui.page_title(f"{title} · Proprium")
    page_url = escape(services.settings.public_url + request.url.path, quote=True)
    image_url = escape(services.settings.public_url + (image_url or "/favicon.ico"), quote=True)
    ui.add_head_html(
        f"{head_html(has_icons=False)}"
        f'<meta name="description" content="{escape(description, quote=True)}">'
        f'<meta property="og:site_name" content="Proprium"><meta property="og:type" content="website">'
        f'<meta property="og:title" content="{escape(title, quote=True)}">'
        f'<meta property="og:description" content="{escape(description, quote=True)}">'
        f'<meta property="og:url" content="{page_url}"><meta property="og:image" content="{image_url}">'
    )
    ui.add_body_html(MENU_KEYS_SCRIPT)
    # Quasar gets the theme once it has loaded; our own colours do not depend on it.
    ui.add_body_html('<script type="module">propriumTheme.apply(); setTimeout(() => propriumTheme.apply());</script>')
    if is_tracked and services.own_property_id is not None:
        # Reports the route's pattern instead of the path, which has property ids in it.
        ui.add_head_html(
            f'<script defer src="/collector.js" data-collector-id="{services.own_property_id}"'
            f' data-url="{escape(route_pattern(request), quote=True)}"'
            " data-cookieless data-no-routes data-no-clicks data-no-scroll></script>"
        )


def route_pattern(request: Request) -> str:
    """Returns the route's pattern: "/properties/:id" for "/properties/0b1c…"."""
    path: str = request.url.path
    for name, value in request.path_params.items():
        path = path.replace(str(value), f":{name.removeprefix('property_')}")
    return path


def _build_navigation(request: Request, user: User | None) -> None:
    links = (
        [(_("Properties"), "/properties"), (_("Account"), "/account")]
        if user
        else [(_("Documentation"), "/documentation"), (_("Sign in"), "/login")]
    )
    if session.is_owner(user):
        links.insert(1, (_("Settings"), "/settings"))
    with ui.element("nav").classes(theme.LINE) as navigation:
        navigation.props["aria-label"] = _("Pages")
        for label, href in links:
            link = ui.link(label, href).classes("nav")
            if request.url.path == href:
                link.props('aria-current="page"')
