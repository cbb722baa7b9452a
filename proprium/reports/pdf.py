"""Renders a report as PDF: prints the self-contained HTML with Chromium, off the event loop."""

from __future__ import annotations

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.cancellation import run_in_thread
from proprium.reports.chromium import find_browser, print_html
from proprium.reports.html import html
from proprium.reports.report_model import ReportOptions


async def pdf(dashboard: Dashboard, options: ReportOptions, atlas: Atlas, chromium: str = "") -> bytes:
    """Renders the PDF. `chromium` is the configured path of the browser; callers hold a slot of the report queue.

    Raises ChromiumMissing or PrintFailed, whose messages are meant for the user.
    """
    find_browser(chromium)  # fail before any work is done
    page = await run_in_thread(html, dashboard, options, atlas, is_static=True)
    return await print_html(page, chromium)
