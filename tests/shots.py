"""Pictures of every page in three widths and both themes, and of the PDF: `make shots`; the README has one of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS, ROOT, Running, running

FOLDER = ROOT / "shots"
README_PICTURE = ROOT / "assets" / "img" / "screenshot.png"
PASSWORD = "a password for pictures"
WIDTHS = {"wide": (1440, 900), "middle": (1024, 768), "narrow": (390, 844)}
THEMES = ("light", "dark")
PUBLIC = {
    "home": "/",
    "login": "/login",
    "documentation": "/documentation",
    "changelog": "/changelog",
    "missing": "/no",
}
PRIVATE = {
    "properties": "/properties",
    "dashboard": "/properties/{id}",
    "regions": "/properties/{id}?map=US",
    "filtered": "/properties/{id}?filter=country:is:DE&filter=browser:is:Chrome&period=7d",
    "empty": "/properties/{empty}",
    "install": "/properties/{empty}/install",
    "settings": "/properties/{id}/settings",
    "refused": "/properties/{id}/refused",
    "sql": "/sql",
    "account": "/account",
    "audit": "/properties/{id}/audit",
    "server": "/settings",
    "users": "/settings/users",
    "log": "/settings/audit",
}


def main() -> None:
    words = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), "demo") as server, opened() as browser:
        address = server.wait_for_line(r"Demo dashboard: (\S+)")
        ids = {"id": address.rsplit("/", 1)[1], "empty": server.proprium("property", "add", "Bakery")}
        server.proprium("user", "add", "ada@example.com", "--role", "owner", "--password-stdin", stdin=PASSWORD)
        server.wait_for_line("sample history written")
        server.wait_until_projected(10)
        for width in WIDTHS:
            for theme in THEMES:
                shoot(browser, server, ids, width, theme, words)
        print_report(server, ids["id"])


@contextmanager
def opened() -> Iterator[Browser]:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, f"--user-agent={CHROME}"])
        yield browser
        browser.close()


def shoot(browser: Browser, server: Running, ids: dict[str, str], width: str, theme: str, words: list[str]) -> None:
    w, h = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": w, "height": h}, color_scheme="dark" if theme == "dark" else "light", device_scale_factor=1
    )
    page = context.new_page()
    page.on("pageerror", lambda error: print(f"{width} {theme} {page.url}: {error}", file=sys.stderr))
    for name, path in PUBLIC.items():
        take(page, server.url + path, f"{name}-{width}-{theme}", words)
    sign_in(page, server)
    for name, path in PRIVATE.items():
        take(page, server.url + path.format(**ids), f"{name}-{width}-{theme}", words)
    context.close()


def sign_in(page: Page, server: Running) -> None:
    page.goto(f"{server.url}/login")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/properties")


def take(page: Page, address: str, name: str, words: list[str]) -> None:
    if words and not any(word in name for word in words):
        return
    page.goto(address)
    page.wait_for_timeout(2_500)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if overflow > 0:
        print(f"{name} is {overflow} px wider than the screen", file=sys.stderr)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    if name == "dashboard-wide-light":
        page.screenshot(path=README_PICTURE, clip={"x": 0, "y": 0, "width": 1440, "height": 1440}, full_page=True)


def print_report(server: Running, property_id: str) -> None:
    pdf = FOLDER / "report.pdf"
    server.proprium("report", "--property", property_id, "--format", "pdf", str(pdf))
    subprocess.run(["pdftoppm", "-r", "70", "-png", pdf, FOLDER / "report"], check=True)


if __name__ == "__main__":
    main()
