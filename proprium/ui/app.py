"""Mounts the UI on the FastAPI app: static files, form routes, error pages, pages and, last, NiceGUI."""

from __future__ import annotations

from functools import partial
from types import ModuleType

import nicegui
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import ui
from starlette.types import ASGIApp

from proprium.config import Settings
from proprium.ui import nicegui_patches, page_memory, session
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http import (
    auth_routes,
    error_pages,
    factor_routes,
    first_paint,
    light_page,
    openid_routes,
    page_access,
    password_routes,
    plain_routes,
    profile_routes,
    proxy_routes,
    share_routes,
    socket_messages,
)
from proprium.ui.http.asset_urls import ASSETS, ASSETS_PATH, install_chart_bundle
from proprium.ui.http.framework_assets import FrameworkAssets
from proprium.ui.http.security import (
    HeadRequests,
    PageRateLimit,
    SecurityHeaders,
    SocketOriginCheck,
)
from proprium.ui.http.socket_limits import SocketLimits
from proprium.ui.http.static_files import CompressedStaticFiles
from proprium.ui.pages import (
    account,
    audit,
    authenticator,
    changelog,
    confirm_email,
    dashboard,
    documentation,
    home,
    install,
    instance,
    invitation,
    login,
    password_reset,
    privacy,
    properties,
    rejected_events,
    second_step,
    settings,
    settings_mail,
    settings_sign_in,
    setup,
    share,
    sql,
    users,
)
from proprium.ui.services import Services

PAGES: tuple[ModuleType, ...] = (
    home,
    setup,
    invitation,
    login,
    second_step,
    password_reset,
    account,
    instance,
    users,
    audit,
    authenticator,
    confirm_email,
    properties,
    dashboard,
    share,
    install,
    rejected_events,
    settings,
    settings_mail,
    settings_sign_in,
    sql,
    privacy,
    documentation,
    changelog,
)
PAGE_GZIP_LEVEL = 4
"""gzip level of pages, compressed on the event loop: half the time of level 9, 5 % larger. Files are compressed in
`static_files` and `framework_assets`."""
RECONNECT_TIMEOUT_S = 45
"""A page that was disconnected for less receives the updates it missed; after that, it reloads."""


def mount(app: FastAPI, services: Services, *, address_of: ClientAddressOf = peer_address) -> None:
    """Mounts the UI.

    Call it after all other routes of `app` were added: NiceGUI takes all remaining paths.
    """
    app.mount(ASSETS_PATH, CompressedStaticFiles(directory=ASSETS), name="assets")
    app.include_router(auth_routes.router(services, address_of))
    app.include_router(factor_routes.router(services, address_of))
    app.include_router(openid_routes.router(services, address_of))
    app.include_router(proxy_routes.router(services))
    app.include_router(profile_routes.router(services, address_of))
    app.include_router(password_routes.router(services, address_of))
    app.include_router(plain_routes.router(services.settings))
    app.include_router(audit.router(services))
    app.include_router(share_routes.router(services, address_of))
    for fastapi_app in (app, nicegui.app):
        error_pages.install(fastapi_app, lambda request: session.user_of(services, request) is not None)
    for page in PAGES:
        page.register(services)
    install_chart_bundle()
    nicegui_patches.install()
    first_paint.install()
    light_page.install()
    socket_messages.install()
    nicegui.app.on_startup(partial(page_access.watch, services))
    page_memory.install(services.render_queue)
    # No storage_secret: with one, every visitor of a public page gets a cookie and 14 days of state.
    ui.run_with(
        app,
        title="Proprium",
        favicon=ASSETS / "img" / "favicon.ico",
        language="en-US",
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        show_welcome_message=False,
        gzip_middleware_factory=partial(GZipMiddleware, compresslevel=PAGE_GZIP_LEVEL),
    )


def with_page_middleware(app: ASGIApp, settings: Settings, *, address_of: ClientAddressOf = peer_address) -> ASGIApp:
    """Wraps the app in the middleware for pages.

    The collector, whose responses have other headers, wraps this.
    """
    rate_limit = PageRateLimit(HeadRequests(FrameworkAssets(app)), address_of=address_of)
    origin_check = SocketOriginCheck(SocketLimits(rate_limit, address_of=address_of), public_url=settings.public_url)
    return SecurityHeaders(origin_check, is_https=settings.is_https)
