"""Prints HTML to PDF, or takes a picture of it, with a headless Chromium: no network, no other files, and a timeout.

A PDF of a dashboard takes 2 to 3 s on two idle cores, 6 to 8 s at a load of 11; Chromium's eleven processes use
0.46 GB in total (PSS). Callers hold a slot of `report_queue`, which limits how many run at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proprium.errors import ChromiumMissing, PrintFailed
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.reports.cancellation import run_in_thread

PROGRAM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PRINT_TIMEOUT_S = 40
# Virtual time of the page: Chromium prints when all scripts and timers are idle, or when this has passed.
VIRTUAL_TIME_BUDGET_MS = 10_000

_MISSING_MESSAGE = N_(
    "PDF reports need Chromium, which was not found. Install it (Debian: apt install chromium) "
    "or set PROPRIUM_CHROMIUM to its path. HTML and Markdown reports need no browser."
)

# Each of these two options on its own blocks every connection, by host name and by IPv4 and IPv6 address.
NO_RESOLVER = ("--host-resolver-rules=MAP * ~NOTFOUND",)
NO_PROXY = ("--proxy-server=http://127.0.0.1:1", "--proxy-bypass-list=<-loopback>")  # nothing listens at port 1
# WebRTC contacts STUN servers by UDP, bypassing resolver and proxy. The option's name depends on Chromium's version.
NO_UDP = (
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
GROUP_EXIT_TIMEOUT_S = 2.0

# uvloop does not support `umask` for subprocesses, and running code between fork and exec is unsafe with threads.
_PRIVATE_UMASK_COMMAND = ("/bin/sh", "-c", 'umask 077; exec "$0" "$@"')


def find_browser(configured: str = "") -> str:
    """Returns the browser's path: the configured one, else the first of PROGRAM_NAMES found. Raises ChromiumMissing."""
    if configured:
        if path := shutil.which(configured):
            return path
        message = _("PROPRIUM_CHROMIUM is set to {path}, but no such program exists.", path=repr(configured))
        raise ChromiumMissing(f"{message} {_(_MISSING_MESSAGE)}")
    for name in PROGRAM_NAMES:
        if path := shutil.which(name):
            return path
    raise ChromiumMissing(_(_MISSING_MESSAGE))


async def print_html(page: str, configured: str = "", *, timeout_s: float = PRINT_TIMEOUT_S) -> bytes:
    """Prints an HTML page and returns the PDF.

    Raises ChromiumMissing and PrintFailed.
    """
    return await _render(page, configured, _print_options, _read_pdf, timeout_s)


async def picture_of_html(
    page: str, width_px: int, height_px: int, configured: str = "", *, timeout_s: float = PRINT_TIMEOUT_S
) -> bytes:
    """Renders an HTML page and returns the picture of its top, as PNG. Raises ChromiumMissing and PrintFailed."""

    def options(folder: Path) -> list[str]:
        size = f"--window-size={width_px},{height_px}"
        return [size, "--hide-scrollbars", "--force-device-scale-factor=1", f"--screenshot={folder / 'picture.png'}"]

    return await _render(page, configured, options, _read_png, timeout_s)


async def _render(
    page: str,
    configured: str,
    options: Callable[[Path], list[str]],
    read: Callable[[Path, int | None], bytes],
    timeout_s: float,
) -> bytes:
    """Runs Chromium on a page in a folder of its own, and returns what it wrote there.

    All processes and files are removed afterwards, also on failure and cancellation.
    """
    browser = find_browser(configured)
    folder = Path(
        tempfile.mkdtemp(prefix="proprium-print-")
    )  # 0700; not in a thread: a cancellation would lose the path
    try:
        await run_in_thread(_write_files, folder, page)
        process = await _start_browser(command(browser, folder, options(folder)), folder)
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            seconds = f"{timeout_s:g}"
            message = _(
                "Chromium did not finish the report within {seconds} seconds. Please try again.", seconds=seconds
            )
            raise PrintFailed(message) from None
        finally:
            await _kill_group(process)
        return await asyncio.to_thread(read, folder, process.returncode)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _start_browser(command_line: list[str], folder: Path) -> asyncio.subprocess.Process:
    """Starts the browser as leader of its own process group.

    On cancellation, it is killed once it has started. Raises PrintFailed.
    """
    # Only what Chromium needs, none of the server's settings and secrets.
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "FONTCONFIG_PATH") if name in os.environ}
    start_task = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *_PRIVATE_UMASK_COMMAND,
            *command_line,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={**inherited, "HOME": str(folder), "TMPDIR": str(folder)},
        )
    )
    try:
        return await asyncio.shield(start_task)
    except asyncio.CancelledError:
        await asyncio.wait({start_task})
        if start_task.exception() is None:
            await _kill_group(start_task.result())
        raise
    except OSError as error:
        raise PrintFailed(_("Chromium could not be started: {reason}.", reason=error.strerror)) from error


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    """Kills the process group and waits for it to end.

    Its processes write into the folder until then; the wait is limited to GROUP_EXIT_TIMEOUT_S.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    deadline_s = time.monotonic() + GROUP_EXIT_TIMEOUT_S
    with contextlib.suppress(ProcessLookupError):  # then no member is left
        while time.monotonic() < deadline_s:
            with contextlib.suppress(PermissionError):
                os.killpg(process.pid, 0)
            await asyncio.sleep(0.01)


def command(browser: str, folder: Path, options: list[str] | None = None) -> list[str]:
    """Returns the command line; without `options`, that of printing.

    Only root runs without the sandbox: Chromium does not support it for root.
    """
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
        *NO_RESOLVER,
        *NO_PROXY,
        *NO_UDP,
        f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={VIRTUAL_TIME_BUDGET_MS}",
        "--run-all-compositor-stages-before-draw",
        *(_print_options(folder) if options is None else options),
        (folder / "report.html").as_uri(),
    ]


def _print_options(folder: Path) -> list[str]:
    return ["--no-pdf-header-footer", f"--print-to-pdf={folder / 'report.pdf'}"]


def preferences(folder: Path) -> dict[str, Any]:
    """Returns the profile's preferences: a policy that allows only the report's URL, also in frames."""
    return {"policy": {"url_blocklist": ["*"], "url_allowlist": [(folder / "report.html").as_uri()]}}


def _write_files(folder: Path, page: str) -> None:
    profile = folder / "profile" / "Default"
    for private_folder in (profile.parent, profile):
        private_folder.mkdir(mode=0o700)
    for path, text in (
        (folder / "report.html", page),
        (profile / "Preferences", json.dumps(preferences(folder))),
    ):
        with open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)


def _read_png(folder: Path, exit_code: int | None) -> bytes:
    """Returns the picture. Raises PrintFailed if none was written: Chromium exits with 0 even then."""
    path = folder / "picture.png"
    picture = path.read_bytes() if path.is_file() else b""
    if not picture.startswith(b"\x89PNG"):
        raise PrintFailed(_("Chromium exited without writing a picture (exit code {code}).", code=exit_code))
    return picture


def _read_pdf(folder: Path, exit_code: int | None) -> bytes:
    """Returns the PDF. Raises PrintFailed if none was written: Chromium exits with 0 even then."""
    path = folder / "report.pdf"
    pdf = path.read_bytes() if path.is_file() else b""
    if not pdf.startswith(b"%PDF"):
        message = _(
            "Chromium exited without writing a PDF (exit code {code}). Check the free space of the temporary folder.",
            code=exit_code,
        )
        raise PrintFailed(message)
    return pdf
