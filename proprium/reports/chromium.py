"""Printing with a headless Chromium: without network, without other files, and with a deadline.

A PDF of a dashboard takes 2 to 3 s on two cores that are idle, 6 to 8 s at a load of 11; its eleven processes have
0.46 GB together (PSS). Callers hold a turn of `reports.queue`, which bounds how many run.
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
from pathlib import Path
from typing import Any

from proprium.errors import ChromiumMissing, PrintFailed
from proprium.reports.cancellation import run_in_thread

PROGRAM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PRINT_TIMEOUT_S = 40
# Time as the page sees it: Chromium prints when its scripts and timers have come to rest, or this has passed.
VIRTUAL_TIME_BUDGET_MS = 10_000

_MISSING_MESSAGE = (
    "A PDF is printed by Chromium, and none was found. Install it (Debian: apt install chromium) "
    "or set PROPRIUM_CHROMIUM to its path. The Markdown report needs no browser."
)

# Each of the next two keeps every connection from being made, by itself: names and addresses of IPv4 and IPv6.
NO_RESOLVER = ("--host-resolver-rules=MAP * ~NOTFOUND",)
NO_PROXY = ("--proxy-server=http://127.0.0.1:1", "--proxy-bypass-list=<-loopback>")  # nothing listens at port 1
# WebRTC asks a STUN server by UDP, past resolver and proxy; which of the two names counts depends on the version.
NO_UDP = (
    "--disable-quic",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
GROUP_EXIT_TIMEOUT_S = 2.0

# uvloop knows no umask for a subprocess, and code between fork and exec is unsafe beside threads.
_PRIVATE_UMASK_COMMAND = ("/bin/sh", "-c", 'umask 077; exec "$0" "$@"')


def find_browser(configured: str = "") -> str:
    """The browser's path: the setting, else the first known name. Raises ChromiumMissing, which says what to do."""
    if configured:
        if path := shutil.which(configured):
            return path
        raise ChromiumMissing(f"PROPRIUM_CHROMIUM is {configured!r}, and no program is there. {_MISSING_MESSAGE}")
    for name in PROGRAM_NAMES:
        if path := shutil.which(name):
            return path
    raise ChromiumMissing(_MISSING_MESSAGE)


async def print_html(page: str, configured: str = "", *, timeout_s: float = PRINT_TIMEOUT_S) -> bytes:
    """The page as PDF. When it fails or is cancelled, all processes and files are gone. Raises PrintFailed."""
    browser = find_browser(configured)
    folder = Path(tempfile.mkdtemp(prefix="proprium-print-"))  # 0700; in no thread, where a cancellation would lose it
    try:
        await run_in_thread(_write_files, folder, page)
        return await _print(browser, folder, timeout_s)
    finally:
        await asyncio.to_thread(_remove_folder, folder)


async def _print(browser: str, folder: Path, timeout_s: float) -> bytes:
    process = await _start_browser(browser, folder)
    try:
        await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError:
        raise PrintFailed(
            f"Chromium did not finish the report within {timeout_s:g} seconds. Please try again."
        ) from None
    finally:
        await _kill_group(process)
    return await asyncio.to_thread(_read_pdf, folder, process.returncode)


async def _start_browser(browser: str, folder: Path) -> asyncio.subprocess.Process:
    """The process as leader of a group of its own. Cancelled meanwhile, it is killed once it is known."""
    start_task = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *_PRIVATE_UMASK_COMMAND,
            *command(browser, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(folder),
        )
    )
    try:
        return await asyncio.shield(start_task)
    except asyncio.CancelledError:
        await asyncio.wait({start_task})
        if start_task.exception() is None:
            await _kill_group(start_task.result())
        raise
    except OSError as problem:
        raise PrintFailed(f"Chromium could not be started: {problem.strerror}.") from problem


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    """Kills the process with all its children, and waits for them: they write into the folder until they end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    deadline_s = time.monotonic() + GROUP_EXIT_TIMEOUT_S
    while time.monotonic() < deadline_s and _has_members(process.pid):
        await asyncio.sleep(0.01)


def _has_members(group_id: int) -> bool:
    try:
        os.killpg(group_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command(browser: str, folder: Path) -> list[str]:
    """The command line; without the sandbox only where root is, for whom Chromium has none."""
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
        "--no-pdf-header-footer",
        f"--print-to-pdf={folder / 'report.pdf'}",
        (folder / "report.html").as_uri(),
    ]


def preferences(folder: Path) -> dict[str, Any]:
    """The profile's preferences: Chromium may open the report, and no other file or address, in a frame or at all."""
    return {"policy": {"url_blocklist": ["*"], "url_allowlist": [(folder / "report.html").as_uri()]}}


def _write_files(folder: Path, page: str) -> None:
    profile = folder / "profile" / "Default"
    for private_folder in (profile.parent, profile):
        private_folder.mkdir(mode=0o700)
    for path, text in (
        (folder / "report.html", page),
        (profile / "Preferences", json.dumps(preferences(folder))),
    ):
        with open(path, "x", encoding="utf-8", opener=_open_private) as file:
            file.write(text)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """Only what Chromium needs: no setting and no secret of ours."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "FONTCONFIG_PATH") if name in os.environ}
    return {**inherited, "HOME": str(folder), "TMPDIR": str(folder)}


def _read_pdf(folder: Path, exit_code: int | None) -> bytes:
    """Chromium exits with 0 even when it wrote nothing."""
    path = folder / "report.pdf"
    pdf = path.read_bytes() if path.is_file() else b""
    if not pdf.startswith(b"%PDF"):
        raise PrintFailed(
            f"Chromium ended without a PDF (exit code {exit_code}). Is there room in the temporary folder?"
        )
    return pdf
