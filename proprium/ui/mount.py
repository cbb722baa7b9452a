"""Puts the screens onto our FastAPI app: routes of forms, error pages, every page, NiceGUI last."""

from __future__ import annotations

from types import ModuleType

import nicegui
from fastapi import FastAPI
from nicegui import ui

from proprium.ui import auth_routes, error_pages, plain_routes
from proprium.ui.bundle import ASSETS, URL, install_override
from proprium.ui.pages import account, changelog, documentation, home, install, login, properties, settings, setup
from proprium.ui.security import AddressOf, peer_address
from proprium.ui.services import Services
from proprium.ui.static import StaticCompressed

PAGES: tuple[ModuleType, ...] = (home, setup, login, account, properties, install, settings, documentation, changelog)
RECONNECT_S = 45
"""A page that was away for less catches up with what it missed; longer, and it loads anew."""


def mount(app: FastAPI, services: Services, *, address_of: AddressOf = peer_address) -> None:
    """After every other route of `app`: NiceGUI takes what is left of the paths."""
    app.mount(URL, StaticCompressed(directory=ASSETS), name="assets")
    app.include_router(auth_routes.router(services, address_of))
    app.include_router(plain_routes.router(services.settings))
    for answering in (app, nicegui.app):
        error_pages.install(answering)
    for page in PAGES:
        page.register(services)
    install_override()
    # No storage_secret: with one, every visitor of a public page gets a cookie and 14 days of state.
    ui.run_with(
        app,
        title="Proprium",
        favicon=ASSETS / "img" / "favicon.ico",
        language="en-US",
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
    )
