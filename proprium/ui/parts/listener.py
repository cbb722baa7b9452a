"""The tick list that fills while the first hits arrive, and says in amber why one was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from collector.errors import Reason
from collector.event import Outcome
from proprium.storage.events import StoredEvent
from proprium.ui import theme
from proprium.ui.parts.controls import icon, link_button
from proprium.ui.parts.words import span

Fix = tuple[str, Callable[[], Any]]  # a button's label, and what it does

STEPS = {
    "received": "Received",
    "known": "Property known",
    "hostname": "Hostname allowed",
    "address": "Address read",
    "country": "Country",
    "browser": "Browser",
    "human": "A person, no bot",
    "stored": "Stored",
}
STEP_OF_REASON: dict[str, str] = {Reason.HOSTNAME: "hostname", Reason.EXCLUDED_IP: "address", Reason.BOT: "human"}
SENTENCES: dict[str, str] = {
    Reason.HOSTNAME: "Refused: {hostname} is not among the hostnames of this property.",
    Reason.EXCLUDED_IP: "Left out: it came from an address that this property excludes.",
    Reason.OPT_OUT: "Left out: this browser asked to be left out (collector_optout).",
    Reason.SPAM_REFERRER: "Left out: its referrer is known for spam.",
    Reason.PREFETCH: "Left out: the browser only fetched the page in advance.",
    Reason.BOT: "Left out: a bot sent it, and this property discards bots.",
}
DONE, REFUSED, OPEN = "done", "refused", ""
DUPLICATE = "sent again, counted once"


@dataclass(frozen=True)
class Arrival:
    """A hit as the list shows it: step → (state, what to say)."""

    title: str
    steps: Mapping[str, tuple[str, str]]
    sentence: str = ""  # why it was refused
    is_stored: bool = False

    @classmethod
    def of_outcome(cls, outcome: Outcome) -> Arrival:
        """From this process's own collector: everything is known of it."""
        stopped_at = STEP_OF_REASON.get(outcome.reason or "", "stored") if outcome.reason else None
        steps = {
            "received": (DONE, outcome.event),
            "known": (DONE, ""),
            "hostname": (DONE, outcome.hostname or "none sent"),
            "address": (DONE, "") if outcome.has_address else (OPEN, "unknown: behind a proxy?"),
            **_of_sender(outcome.country, outcome.browser, outcome.is_bot),
            "stored": (DONE, DUPLICATE) if outcome.duplicate else (DONE if outcome.stored else OPEN, ""),
        }
        if stopped_at:
            steps[stopped_at] = (REFUSED, steps[stopped_at][1])
        return cls(
            _title(outcome.event, outcome.page),
            steps,
            sentence_of(outcome.reason, outcome.hostname) if outcome.reason else "",
            outcome.stored or outcome.duplicate,
        )

    @classmethod
    def of_event(cls, event: StoredEvent) -> Arrival:
        """From storage: another process took it, so it passed every door."""
        place = event.country or None
        steps = {
            "received": (DONE, event.event),
            "known": (DONE, ""),
            "hostname": (DONE, event.hostname or "none sent"),
            "address": (DONE if place else OPEN, "" if place else "not told"),
            **_of_sender(place, event.browser, event.is_bot),
            "stored": (DONE, ""),
        }
        return cls(_title(event.event, _text(event.data.get("url"))), steps, is_stored=True)


class Listener:
    """The card beside the tag."""

    def __init__(
        self, waiting_for: str, dashboard: str, *, has_events: bool, country_name: Callable[[str], str]
    ) -> None:
        self._country_name = country_name
        self._steps: dict[str, _Step] = {}
        with ui.element("div").classes(f"{theme.LINE} bd").style("padding-bottom: 2px").props('role="status"'):
            self._dot = ui.element("span").classes(f"{theme.DOT} {theme.ON}")
            self._headline = span(_waiting(waiting_for, has_events), "strong")
        with ui.element("div").classes("ticks bd").style("padding-top: 4px"):
            for key, label in STEPS.items():
                self._steps[key] = _Step(label)
        self._refused = ui.element("div").classes(f"{theme.BODY} {theme.STACK}")
        self._refused.set_visibility(False)
        with ui.element("div").classes(theme.BODY) as self._ready:
            link_button("Open the dashboard", dashboard, "chart", kind=theme.PRIMARY)
        self._ready.set_visibility(has_events)

    def show(self, arrival: Arrival) -> None:
        self._headline.set_text(arrival.title)
        for key, (state, said) in arrival.steps.items():
            is_country = key == "country" and state == DONE
            self._steps[key].show(state, self._country_name(said) if is_country else said)
        if arrival.is_stored:
            self._ready.set_visibility(True)
        self._refused.set_visibility(bool(arrival.sentence))

    def refuse(self, arrival: Arrival, fix: Fix | None) -> None:
        """Shows it in amber, with a button that mends it where there is one."""
        self.show(arrival)
        self._refused.clear()
        with self._refused:
            with ui.element("div").classes(f"{theme.NOTE} warn").props('role="alert"'):
                icon("warn")
                span(arrival.sentence)
            if fix:
                label, act = fix
                with ui.element("button").classes(theme.BUTTON).props('type="button"').on("click", act):
                    span(label)


class _Step:
    def __init__(self, label: str) -> None:
        with ui.element("div").classes("step") as self._box:
            with ui.element("span").classes("mark"):
                self._sign = icon("check")
            span(label)
            self._said: TextElement = span("", "say cut")

    def show(self, state: str, said: str) -> None:
        self._box.classes(replace=f"step {state}")
        self._sign.classes(replace=f"icon i-{'close' if state == REFUSED else 'check'}")
        self._said.set_text(said)


def _of_sender(country: str | None, browser: str, is_bot: bool) -> dict[str, tuple[str, str]]:
    return {
        "country": (DONE, country) if country else (OPEN, "unknown place"),
        "browser": (DONE, browser) if browser else (OPEN, "none that we know"),
        "human": (OPEN, "looks like a bot: counted apart") if is_bot else (DONE, ""),
    }


def _waiting(name: str, has_events: bool) -> str:
    return f"Listening for {name}" if has_events else f"Waiting for the first event from {name}"


def _title(event: str, page: str | None) -> str:
    return f"{event} on {page}" if page else event


def sentence_of(reason: str, hostname: str | None) -> str:
    """Why an event was refused, for its property's owner."""
    told = SENTENCES.get(reason)
    return told.format(hostname=hostname or "its host") if told else f"Refused: {reason}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
