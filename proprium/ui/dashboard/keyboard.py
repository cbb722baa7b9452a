"""Keyboard shortcuts and other browser events: history navigation, tab visibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.ui.components.dialogs import dialog
from proprium.ui.components.text import span

SHORTCUTS: tuple[tuple[str, str], ...] = (
    ("D", "Today"),
    ("W", "Last 7 days"),
    ("M", "Last 30 days"),
    ("Y", "Last 12 months"),
    ("← →", "Previous/next period"),
    ("X", "Toggle comparison"),
    ("/", "Add a filter"),
    ("Esc", "Clear all filters"),
    ("I", "Explain this metric (on a card)"),
    ("1 – 9", "Switch property"),
    ("?", "Show shortcuts"),
)
PERIOD_BY_KEY = {"d": "today", "w": "7d", "m": "30d", "y": "12mo"}

# Ignores keys in text fields, and while a menu or a dialog is open: these handle keys themselves.
LISTENER_SCRIPT = """<script>
(() => {
  const keys = /^([dwmyx/?1-9]|Escape|ArrowLeft|ArrowRight)$/i;
  addEventListener('popstate', () => emitEvent('address', location.search));
  document.addEventListener('visibilitychange', () => emitEvent('visible', !document.hidden));
  addEventListener('keydown', (event) => {
    if (!keys.test(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.('input, textarea, select') || document.querySelector('.q-menu, .q-dialog')) return;
    if (event.key === '/') event.preventDefault();
    emitEvent('shortcut', event.key);
  });
})();
</script>"""


def listen(on_key: Callable[[str], Any], on_url: Callable[[str], Any], on_visible: Callable[[bool], Any]) -> None:
    """Registers the callbacks of browser events. Call while the page is being built."""
    ui.add_body_html(LISTENER_SCRIPT)
    ui.on("shortcut", lambda event: on_key(str(event.args)))
    ui.on("address", lambda event: on_url(str(event.args)))
    ui.on("visible", lambda event: on_visible(bool(event.args)))


def show_shortcuts() -> None:
    """Opens the list of keyboard shortcuts."""
    with dialog("Keyboard shortcuts") as box, ui.element("dl").classes("keys"):
        for key, description in SHORTCUTS:
            with ui.element("dt"), ui.element("kbd"):
                span(key)
            with ui.element("dd"):
                span(description)
    box.open()
