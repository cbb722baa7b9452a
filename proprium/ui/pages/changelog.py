"""What changed, from CHANGELOG.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import Request
from nicegui import ui

from proprium.ui import session, theme
from proprium.ui.frame import frame
from proprium.ui.parts.states import empty
from proprium.ui.services import Services

FILE = Path(__file__).resolve().parents[3] / "CHANGELOG.md"


def register(services: Services) -> None:
    @ui.page("/changelog")
    def changelog(request: Request) -> None:
        user = session.user_of(services, request)
        with frame(services, request, "Changelog", user, width="narrow", description="What changed in Proprium."):
            if text := _text():
                with ui.element("article").classes(f"{theme.CARD} pad"):
                    ui.markdown(text).classes("prose")
            else:
                empty("No changelog", "This installation came without its CHANGELOG.md.", "book")


@cache
def _text() -> str:
    return FILE.read_text("utf-8") if FILE.is_file() else ""
