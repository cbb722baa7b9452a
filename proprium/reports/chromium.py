"""Printing with a headless Chromium: found, fenced in, and ended at a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

from proprium.errors import ChromiumMissing, PrintFailed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_S = 40
AT_ONCE = 2
# Time as the page sees it: Chromium prints when its scripts and timers have come to rest, or this has passed.
PAGE_TIME_MS = 10_000

_MISSING = (
    "A PDF is printed by Chromium, and none was found. Install it (Debian: apt install chromium) "
    "or set PROPRIUM_CHROMIUM to its path. The Markdown report needs no browser."
)
_slots: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def find(configured: str = "") -> str:
    """The browser's path: the setting, else the first known name. Raises ChromiumMissing, which says what to do."""
    if configured:
        if found := shutil.which(configured):
            return found
        raise ChromiumMissing(f"PROPRIUM_CHROMIUM is {configured!r}, and no program is there. {_MISSING}")
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise ChromiumMissing(_MISSING)


async def print_html(page: str, configured: str = "", *, deadline_s: float = DEADLINE_S) -> bytes:
    """The page as PDF. Two at a time; waiting for one's turn is not part of the deadline. Raises PrintFailed."""
    browser = find(configured)
    async with _slot():
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="proprium-print-"))
        try:
            await asyncio.to_thread((folder / "report.html").write_text, page, "utf-8")
            return await _print(browser, folder, deadline_s)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _print(browser: str, folder: Path, deadline_s: float) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command(browser, folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # its children end with it
        env=_environment(folder),
    )
    try:
        await asyncio.wait_for(process.wait(), deadline_s)
    except TimeoutError:
        raise PrintFailed(
            f"Chromium did not finish the report within {deadline_s:g} seconds. Please try again."
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return await asyncio.to_thread(_pdf_in, folder, process.returncode)


def command(browser: str, folder: Path) -> list[str]:
    """No network, an own profile; without the sandbox only where root is, for whom Chromium has none."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return [
        browser,
        "--headless",
        *sandbox,
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={PAGE_TIME_MS}",
        "--run-all-compositor-stages-before-draw",
        "--no-pdf-header-footer",
        f"--print-to-pdf={folder / 'report.pdf'}",
        (folder / "report.html").as_uri(),
    ]


def _environment(folder: Path) -> dict[str, str]:
    """Only what Chromium needs: no setting and no secret of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "FONTCONFIG_PATH") if name in os.environ}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder)}


def _pdf_in(folder: Path, code: int | None) -> bytes:
    """Chromium exits with 0 even when it wrote nothing."""
    path = folder / "report.pdf"
    pdf = path.read_bytes() if path.is_file() else b""
    if not pdf.startswith(b"%PDF"):
        raise PrintFailed(f"Chromium ended without a PDF (exit code {code}). Is there room in the temporary folder?")
    return pdf


def _slot() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    for closed in [known for known in _slots if known.is_closed()]:
        del _slots[closed]
    return _slots.setdefault(loop, asyncio.Semaphore(AT_ONCE))
