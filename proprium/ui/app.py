"""Puts the screens onto our FastAPI app: routes of forms, error pages, every page, NiceGUI last."""

from __future__ import annotations

from functools import partial
from types import ModuleType

import nicegui
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import ui
from starlette.types import ASGIApp

from proprium.config import Settings
from proprium.ui import nicegui_patches, page_memory
from proprium.ui.http import auth_routes, error_pages, page_access, plain_routes, socket_messages
from proprium.ui.http.asset_urls import ASSETS, ASSETS_PATH, install_chart_bundle
from proprium.ui.http.framework_assets import FrameworkAssets
from proprium.ui.http.security import (
    ClientAddressOf,
    HeadRequests,
    PageRateLimit,
    SecurityHeaders,
    SocketOriginCheck,
    peer_address,
)
from proprium.ui.http.socket_limits import SocketLimits
from proprium.ui.http.static_files import CompressedStaticFiles
from proprium.ui.pages import (
    account,
    changelog,
    dashboard,
    documentation,
    home,
    install,
    login,
    privacy,
    properties,
    rejected_events,
    settings,
    setup,
    sql,
)
from proprium.ui.services import Services

PAGES: tuple[ModuleType, ...] = (
    home,
    setup,
    login,
    account,
    properties,
    dashboard,
    install,
    rejected_events,
    settings,
    sql,
    privacy,
    documentation,
    changelog,
)
PAGE_GZIP_LEVEL = 4
"""Of pages, on the event loop: half the time of 9, and 5 % larger. Files are compressed elsewhere."""
RECONNECT_TIMEOUT_S = 45
"""A page that was away for less catches up with what it missed; longer, and it loads anew."""


def mount(app: FastAPI, services: Services, *, address_of: ClientAddressOf = peer_address) -> None:
    """After every other route of `app`: NiceGUI takes what is left of the paths."""
    app.mount(ASSETS_PATH, CompressedStaticFiles(directory=ASSETS), name="assets")
    app.include_router(auth_routes.router(services, address_of))
    app.include_router(plain_routes.router(services.settings))
    for fastapi_app in (app, nicegui.app):
        error_pages.install(fastapi_app)
    for page in PAGES:
        page.register(services)
    install_chart_bundle()
    nicegui_patches.install()
    socket_messages.install()
    nicegui.app.on_startup(partial(page_access.watch, services))
    page_memory.install()
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
    """What stands before the app; the collector, whose answers carry headers of their own, stands before this."""
    rate_limit = PageRateLimit(HeadRequests(FrameworkAssets(app)), address_of=address_of)
    origin_check = SocketOriginCheck(SocketLimits(rate_limit, address_of=address_of), public_url=settings.public_url)
    return SecurityHeaders(origin_check, is_https=settings.is_https)
