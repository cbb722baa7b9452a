"""A report as PDF: the standalone HTML, printed off the event loop."""

from __future__ import annotations

import asyncio
from functools import partial

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.chromium import find, print_html
from proprium.reports.content import Facts
from proprium.reports.html import html


async def pdf(dashboard: Dashboard, facts: Facts, atlas: Atlas, chromium: str = "") -> bytes:
    """`chromium` is the setting of that name. Raises ChromiumMissing or PrintFailed, with a sentence for the reader."""
    find(chromium)  # before any work is done
    page = await asyncio.to_thread(partial(html, dashboard, facts, atlas, is_static=True))
    return await print_html(page, chromium)
