"""Password guessing behind a trusted proxy: guessers are rejected, and others are served meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

import httpx
import pytest
from playwright.sync_api import Browser, Route

from collector.parse import uuid7
from tests.support.servers import CHROME, Running

ENV = {"PROPRIUM_TRUSTED_PROXIES": "127.0.0.0/8,::1/128"}
PASSWORD = "correct horse battery"
GUESSERS = 40
ELSEWHERE = [  # as many ways to write the address of another server as browsers know, and some that only look so
    "//elsewhere.invalid", "///elsewhere.invalid", "////elsewhere.invalid", "/\\elsewhere.invalid",
    "\\\\elsewhere.invalid", "/\\/elsewhere.invalid", "/\t/elsewhere.invalid", "/\n/elsewhere.invalid",
    "/\r\\elsewhere.invalid", "\t//elsewhere.invalid", " //elsewhere.invalid", "//user:secret@elsewhere.invalid",
    "///user@elsewhere.invalid", "https:elsewhere.invalid", "https:/elsewhere.invalid", "https:\\\\elsewhere.invalid",
    "/%09/elsewhere.invalid", "/%2Felsewhere.invalid", "/%5Celsewhere.invalid", "/;@elsewhere.invalid",
    "/.//elsewhere.invalid", "/..//elsewhere.invalid", "javascript:location='//elsewhere.invalid'",
    "//%65lsewhere.invalid", "/\u0000/elsewhere.invalid",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("guessers"), env=ENV).start()
    server.add_owner("ada@example.com", PASSWORD)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


def guess(client: httpx.Client, server: Running, email: str, address: str) -> httpx.Response:
    """Posts the form as the proxy would hand it on."""
    form = {"email": email, "password": "not the right one"}
    return client.post(f"{server.url}/auth/login", data=form, headers={"X-Forwarded-For": address})


def sentence(client: httpx.Client, server: Running, answer: httpx.Response) -> str:
    """The page that the form leads back to."""
    return client.get(server.url + answer.headers["location"], headers={"X-Forwarded-For": "192.0.2.250"}).text


def test_guesses_at_many_accounts_from_one_network_of_ipv6_are_rejected(server: Running) -> None:
    with httpx.Client(timeout=60) as client:
        answers = [
            guess(client, server, f"user{number}@example.com", f"2001:db8:0:9::{number + 1:x}") for number in range(51)
        ]
        assert "No account has this" in sentence(client, server, answers[49])
        assert "Too many attempts" in sentence(client, server, answers[50])
        other = guess(client, server, "user51@example.com", "198.51.100.10")
        assert "No account has this" in sentence(client, server, other)


def test_pages_are_counted_by_the_network_of_a_subscriber(server: Running) -> None:
    with httpx.Client() as client:
        opened = Counter(
            client.get(f"{server.url}/robots.txt", headers={"X-Forwarded-For": f"2001:db8:0:a::{number:x}"}).status_code
            for number in range(200)
        )
        assert opened == {200: 120, 429: 80}
        other = client.get(f"{server.url}/robots.txt", headers={"X-Forwarded-For": "2001:db8:0:b::1"})
        assert other.status_code == 200


def test_forty_guessers_leave_reports_and_events_unmoved(server: Running) -> None:
    property_id = server.add_property("Bakery")
    server.publish(property_id)
    stop, outcomes = threading.Event(), Counter[int]()

    def guess_on(number: int) -> None:
        with httpx.Client(timeout=120) as client:
            attempt = 0
            while not stop.is_set():
                answer = guess(client, server, f"user{attempt}@example.com", f"203.0.113.{number}")
                outcomes[answer.status_code] += 1
                if answer.status_code == 503:
                    assert int(answer.headers["retry-after"]) > 0
                    assert "few seconds" in answer.text
                    stop.wait(0.5)
                attempt += 1

    def report(client: httpx.Client) -> float:
        began = time.monotonic()
        assert client.get(f"{server.url}/properties/{property_id}/report.json").status_code == 200
        return time.monotonic() - began

    def event(client: httpx.Client) -> float:
        hit = {"collectorId": property_id, "event": "page_view", "id": str(uuid7()), "data": {"url": "/"}}
        began = time.monotonic()
        sent = client.post(f"{server.url}/collect", content=json.dumps(hit), headers={"User-Agent": CHROME})
        assert sent.status_code == 204
        return time.monotonic() - began

    threads = [threading.Thread(target=guess_on, args=(number,)) for number in range(GUESSERS)]
    with httpx.Client(timeout=120) as client:
        event(client), report(client)
        calm_s = report(client)
        for thread in threads:
            thread.start()
        try:
            time.sleep(1)
            event_s = median(event(client) for _ in range(11))
            report_s = median(report(client) for _ in range(3))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert outcomes[303] > 0
    assert outcomes[503] > 0
    assert event_s < 1, event_s
    assert report_s < 5 + 3 * calm_s, (report_s, calm_s)  # it waited 26 to 48 s for a thread that hashed no password


def test_a_real_browser_that_has_signed_in_stays_on_this_server(browser: Browser, server: Running) -> None:
    context = browser.new_context()
    page = context.new_page()
    left: list[str] = []
    context.on("request", lambda request: left.append(request.url))
    page.goto(f"{server.url}/login?{httpx.QueryParams({'next': ELSEWHERE[1]})}")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()  # the form sends on, and so does the page from now on
    page.wait_for_url("**/properties")

    def skip_subresources(route: Route) -> None:
        """Loads documents alone: drawing the list of properties each time took 2 s of CPU."""
        if route.request.resource_type == "document":
            route.continue_()
        else:
            route.abort()

    context.route("**/*", skip_subresources)
    for target in ELSEWHERE:
        page.goto(f"{server.url}/login?{httpx.QueryParams({'next': target})}", wait_until="commit")
        assert page.url == f"{server.url}/properties", target
    assert [url for url in left if not url.startswith(server.url + "/")] == []
    context.close()
