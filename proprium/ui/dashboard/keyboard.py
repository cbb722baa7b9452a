"""Keyboard shortcuts and other browser events: history navigation, tab visibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.text import span

SHORTCUTS: tuple[tuple[str, str], ...] = (
    ("D", N_("Today")),
    ("W", N_("Last 7 days")),
    ("M", N_("Last 30 days")),
    ("Y", N_("Last 12 months")),
    ("← →", N_("Previous/next period")),
    ("X", N_("Toggle comparison")),
    ("/", N_("Add a filter")),
    ("Esc", N_("Clear all filters")),
    ("I", N_("Explain this metric (on a card)")),
    ("1 – 9", N_("Switch property")),
    ("?", N_("Show shortcuts")),
)
NARROW_QUERY = "(max-width: 900px)"
"""Media query of a screen on which the chart has space for few labels."""
PERIOD_BY_KEY = {"d": "today", "w": "7d", "m": "30d", "y": "12mo"}

# Ignores keys in text fields, and while a menu or a dialog is open: these handle keys themselves.
LISTENER_SCRIPT = """<script>
(() => {
  const keys = /^([dwmyx/?1-9]|Escape|ArrowLeft|ArrowRight)$/i;
  addEventListener('popstate', () => emitEvent('address', location.search));
  document.addEventListener('visibilitychange', () => emitEvent('visible', !document.hidden));
  matchMedia('NARROW_QUERY').addEventListener('change', (event) => emitEvent('narrow', event.matches));
  // A link of a row has the filters of its row; the rest of the state is that of the address bar, up to date when used.
  const updateLink = ({target}) => {
    const link = target.closest?.('a.row0[href], .fulltable a.cell[href]');
    if (!link) return;
    const isOfRow = ([name]) => ['filter', 'event', 'key'].includes(name);
    const shared = [...new URLSearchParams(location.search)].filter((pair) => !isOfRow(pair));
    link.search = new URLSearchParams([...shared, ...[...new URL(link.href).searchParams].filter(isOfRow)]);
  };
  for (const name of ['pointerover', 'focusin']) addEventListener(name, updateLink);
  // Chromium selects no text from within a link: while the mouse is down, the row is none.
  addEventListener('pointerdown', (event) => {
    const link = event.target.closest?.('a.row0[href], .fulltable a.cell[href]');
    if (!link || event.pointerType !== 'mouse' || event.button) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const href = link.getAttribute('href');
    const restore = () => {
      if (!link.hasAttribute('href')) link.setAttribute('href', href);
      link.focus({preventScroll: true});
    };
    link.removeAttribute('href');
    for (const name of ['pointerup', 'pointercancel']) addEventListener(name, restore, {once: true});
  });
  addEventListener('keydown', (event) => {
    if (!keys.test(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest?.('input, textarea, select') || document.querySelector('.q-menu, .q-dialog')) return;
    if (event.key === '/') event.preventDefault();
    emitEvent('shortcut', event.key);
  });
})();
</script>""".replace("NARROW_QUERY", NARROW_QUERY)


def listen(
    on_key: Callable[[str], Any],
    on_url: Callable[[str], Any],
    on_visible: Callable[[bool], Any],
    on_narrow: Callable[[bool], Any],
) -> None:
    """Registers the callbacks of browser events. Call while the page is being built."""
    ui.add_body_html(LISTENER_SCRIPT)
    ui.on("shortcut", lambda event: on_key(str(event.args)))
    ui.on("address", lambda event: on_url(str(event.args)))
    ui.on("visible", lambda event: on_visible(bool(event.args)))
    ui.on("narrow", lambda event: on_narrow(bool(event.args)))


def show_shortcuts() -> None:
    """Opens the list of keyboard shortcuts."""
    with dialog(_("Keyboard shortcuts")) as box, ui.element("dl").classes("keys"):
        for key, description in SHORTCUTS:
            with ui.element("dt"), ui.element("kbd"):
                span(key)
            with ui.element("dd"):
                span(_(description))
    box.open()
