"""A report as PDF: the standalone HTML, printed off the event loop."""

from __future__ import annotations

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.cancellation import run_in_thread
from proprium.reports.chromium import find_browser, print_html
from proprium.reports.html import html
from proprium.reports.report_model import ReportOptions


async def pdf(dashboard: Dashboard, options: ReportOptions, atlas: Atlas, chromium: str = "") -> bytes:
    """Callers hold a turn of the queue; `chromium` is the setting of that name.

    Raises ChromiumMissing or PrintFailed, with a sentence for the reader.
    """
    find_browser(chromium)  # before any work is done
    page = await run_in_thread(html, dashboard, options, atlas, is_static=True)
    return await print_html(page, chromium)
