"""Eight dashboards opened at once, while 500 events/s come in: `python -m tests.bench.bench_crowd [--size 10m]`.

The viewers fetch, connect and receive as browsers do, and draw nothing: eight browsers on the server's own cores would
take nine tenths of them. One real browser shows first, on another property, that a light page sees what it does.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from sqlmodel import col, select

from proprium.storage.database import Database
from proprium.storage.tables import Property
from tests.bench.filled import SIZES, storage_of
from tests.bench.light_page import Content, LightPage, ProblemShown, content_of
from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS, Load, Running, running

GOAL_PAGES_S, GOAL_P99_MS, GOAL_RSS_MB = 8.0, 250.0, 1_500.0
EVENTS_PER_S = 500
CONNECTIONS = 128
"""Enough that slow answers do not slow the pace."""
BEFORE_S, LOAD_S, LONGEST_S = 3, 45, 40
ASKED = ("", "", "", "", "?filter=country:is:DE", "?filter=browser:is:Chrome", "?period=7d", "?period=90d")
"""Half of them ask the same; the others something of their own."""
IS_COMPLETE = """() => document.querySelectorAll('.dashboard .kpi').length > 8
    && !document.querySelector('.dashboard .wait, .dashboard .skel')
    && document.querySelectorAll('.dashboard .js-plotly-plot .main-svg').length >= 3"""
READ = """() => {
    const board = document.querySelector('.dashboard'), own = (element) =>
        [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join('');
    const texts = [...board.querySelectorAll('.v, .n, .c, .p')]
        .filter((element) => !element.closest('.hidden, .js-plotly-plot')).map(own).filter((text) => text);
    const figures = [...board.querySelectorAll('.js-plotly-plot')]
        .map((plot) => plot.data.filter((trace) => trace.customdata).map((trace) => trace.customdata));
    return {texts, figures};
}"""


@dataclass(frozen=True)
class Measured:
    pages_s: list[float]  # until each page was complete
    server_cpu_s: float  # meanwhile
    latencies_ms: list[float]  # of /collect meanwhile
    rss_mb: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", choices=SIZES, default="10m")
    size = options.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(storage_of(SIZES[size]), Path(folder) / "data"))
        os.sync()  # else the server's commits wait for the copy to reach the disk
        with running(data, env={"PROPRIUM_COLLECT_RATE": "0"}) as server:
            try:
                figures = measure(server)
            except ProblemShown:
                print(server.output()[-4_000:])
                raise
    latencies_ms = sorted(figures.latencies_ms)
    pages_s, p99_ms = max(figures.pages_s), latencies_ms[int(len(latencies_ms) * 0.99)]
    pace = len(latencies_ms) / pages_s
    print(
        f"{size}: eight dashboards complete within {pages_s:.1f} s (goal {GOAL_PAGES_S:.0f}), the first after"
        f" {min(figures.pages_s):.1f}; {figures.server_cpu_s:.1f} CPU seconds of the server;"
        f" meanwhile {pace:.0f} events/s, an answer of /collect p50 {latencies_ms[len(latencies_ms) // 2]:.0f} ms,"
        f" p99 {p99_ms:.0f} ms (goal {GOAL_P99_MS:.0f}); {figures.rss_mb:.0f} MB RSS (goal {GOAL_RSS_MB:.0f})"
    )
    if pace < 0.9 * EVENTS_PER_S:
        sys.exit("The pace of events was not reached.")
    if pages_s > GOAL_PAGES_S or p99_ms > GOAL_P99_MS or figures.rss_mb > GOAL_RSS_MB:
        sys.exit("Not reached.")


def measure(server: Running) -> Measured:
    crowded, proof = (property_of(server, number) for number in (1, 2))
    server.wait_until_projected(1_800)
    files = proven(f"{server.url}/properties/{proof}")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        load = Load(server.port, crowded, CONNECTIONS, EVENTS_PER_S)
        sending = other.submit(load.run, seconds=LOAD_S)
        time.sleep(BEFORE_S)
        began, before_s = time.monotonic(), server.cpu_s()
        pages = [LightPage(f"{server.url}/properties/{crowded}{query}", files) for query in ASKED]
        pages_s = asyncio.run(all_of(pages))
        server_cpu_s, rss_mb = server.cpu_s() - before_s, server.rss_mb()
        sent = sending.result()
    span = range_of(sent, began, began + max(pages_s))
    return Measured(pages_s, server_cpu_s, span, rss_mb)


def range_of(load: Load, first_s: float, last_s: float) -> list[float]:
    """Milliseconds of the answers to what was sent between these moments."""
    answers = zip(load.sent_s, load.latencies_s, strict=True)
    return [latency_s * 1_000 for sent_s, latency_s in answers if first_s <= sent_s < last_s]


async def all_of(pages: list[LightPage]) -> list[float]:
    """Until each is complete, in seconds."""
    try:
        return await asyncio.wait_for(asyncio.gather(*(page.until_complete() for page in pages)), LONGEST_S)
    finally:
        await asyncio.gather(*(page.close() for page in pages))


def property_of(server: Running, number: int) -> str:
    """Its id; everybody may see it from now on."""
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    with database.session() as session:
        property_id = str(session.scalars(select(Property.id).where(col(Property.number) == number)).one())
    database.close()
    server.publish(property_id)
    return property_id


def proven(address: str) -> list[str]:
    """What a browser fetches for a page; raises where a light page does not say what the browser's does."""
    files, texts = seen_by_browser(address)
    page = LightPage(address, files)
    asyncio.run(all_of([page]))
    light = content_of(page.elements)
    if texts != {name: light[name] for name in texts}:
        raise RuntimeError(f"A light page is not what a browser shows: {light} instead of {texts}")
    return files


def seen_by_browser(address: str) -> tuple[list[str], Content]:
    """Paths of the files that it fetched, without flags, which follow the numbers; and the page's texts."""
    root, fetched = address.split("/properties/")[0], list[str]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("requestfinished", lambda request: fetched.append(request.url) if request.method == "GET" else None)
        page.goto(address)
        page.wait_for_function(IS_COMPLETE)
        content = read(page)
        browser.close()
    paths = [url.removeprefix(root) for url in fetched if url.startswith(root) and url != address]
    return [path for path in paths if "/flags/" not in path], content


def read(page: Page) -> Content:
    return dict(page.evaluate(READ))


if __name__ == "__main__":
    main()
