"""A report as PDF: the standalone HTML, printed off the event loop."""

from __future__ import annotations

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.cancellation import in_thread
from proprium.reports.chromium import find, print_html
from proprium.reports.html import html
from proprium.reports.report_model import Facts


async def pdf(dashboard: Dashboard, facts: Facts, atlas: Atlas, chromium: str = "") -> bytes:
    """Callers hold a turn of the queue; `chromium` is the setting of that name.

    Raises ChromiumMissing or PrintFailed, with a sentence for the reader.
    """
    find(chromium)  # before any work is done
    page = await in_thread(html, dashboard, facts, atlas, is_static=True)
    return await print_html(page, chromium)
