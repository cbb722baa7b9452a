"""The tick list that fills while the first hits arrive, and says in amber why one was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from collector.errors import Reason
from collector.event import Outcome
from proprium.storage.events import StoredEvent
from proprium.ui import theme
from proprium.ui.components.controls import button, icon, link_button
from proprium.ui.components.feedback import note
from proprium.ui.components.rejection_messages import AUTOMATED, Fix, sentence_of, status_of
from proprium.ui.components.text import span

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
STEP_OF_STATUS = {400: "received", 404: "known", 413: "received", 429: "address"}
"""Where a request ended that was refused before anybody looked at its events; a 503 ended at the last step."""
DONE, REFUSED, APART, OPEN = "done", "refused", "apart", ""  # APART: let in, but something should be done
SIGNS = {REFUSED: "close", APART: "warn"}
DUPLICATE = "sent again, counted once"


Steps = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Arrival:
    """A hit as the list shows it: step → (state, what to say)."""

    title: str
    steps: Steps
    trouble: str = ""  # why it was refused or kept apart: a key of reasons.SENTENCES, or a status and a sentence
    hostname: str | None = None
    has_address: bool | None = True  # None: another process knows
    is_stored: bool = False

    @classmethod
    def of_outcome(cls, outcome: Outcome, counts_automated: bool = True) -> Arrival:
        """From this process's own collector: everything is known of it."""
        is_apart = outcome.is_automated and not counts_automated
        return cls(
            _title(outcome.event, outcome.page),
            _steps(outcome, counts_automated),
            outcome.reason or (AUTOMATED if is_apart else ""),
            outcome.hostname,
            outcome.has_address,
            outcome.stored or outcome.duplicate,
        )

    @classmethod
    def of_event(cls, event: StoredEvent, counts_automated: bool = True) -> Arrival:
        """From storage: another process took it, so it passed every door."""
        place = event.country or None
        steps = {
            "received": (DONE, event.event),
            "known": (DONE, ""),
            "hostname": (DONE, event.hostname or "none sent"),
            "address": (DONE if place else OPEN, "" if place else "not told"),
            **_of_sender(place, event.browser, event.is_bot, event.is_automated, counts_automated),
            "stored": (DONE, ""),
        }
        trouble = AUTOMATED if event.is_automated and not counts_automated else ""
        return cls(
            _title(event.event, _text(event.data.get("url"))), steps, trouble, None, True if place else None, True
        )


def _steps(outcome: Outcome, counts_automated: bool) -> Steps:
    if step := STEP_OF_STATUS.get(status_of(outcome.reason) or 0):
        return _unread(outcome, step)
    steps = {
        "received": (DONE, outcome.event),
        "known": (DONE, ""),
        "hostname": (DONE, outcome.hostname or "none sent"),
        "address": (DONE, "") if outcome.has_address else (APART, "unknown: behind a proxy?"),
        **_of_sender(outcome.country, outcome.browser, outcome.is_bot, outcome.is_automated, counts_automated),
        "stored": (DONE, DUPLICATE) if outcome.duplicate else (DONE if outcome.stored else OPEN, ""),
    }
    if outcome.reason:
        stopped_at = STEP_OF_REASON.get(outcome.reason, "stored")
        steps[stopped_at] = (REFUSED, steps[stopped_at][1])
    return steps


def _unread(outcome: Outcome, stopped_at: str) -> Steps:
    """What comes after the step where it ended was not looked at."""
    steps = dict.fromkeys(STEPS, (OPEN, "")) | {"received": (DONE, outcome.event), "known": (DONE, "")}
    steps[stopped_at] = (REFUSED, steps[stopped_at][1])
    return steps


class Listener:
    """The card beside the tag. `advice` says in a sentence what no click does."""

    def __init__(
        self,
        waiting_for: str,
        dashboard: str,
        *,
        has_events: bool,
        country_name: Callable[[str], str],
        advice: Callable[[str], str],
    ) -> None:
        self._country_name, self._advice = country_name, advice
        self._steps: dict[str, _Step] = {}
        with ui.element("div").classes(f"{theme.LINE} bd").style("padding-bottom: 2px").props('role="status"'):
            self._dot = ui.element("span").classes(f"{theme.DOT} {theme.ON}")
            self._headline = span(_waiting(waiting_for, has_events), "strong")
        with ui.element("div").classes("ticks bd").style("padding-top: 4px"):
            for key, label in STEPS.items():
                self._steps[key] = _Step(label)
        self._notes = ui.element("div").classes(f"{theme.BODY} {theme.STACK}").style("padding-top: 0")
        self._notes.set_visibility(False)
        with ui.element("div").classes(theme.BODY).style("padding-top: 0") as self._ready:
            link_button("Open the dashboard", dashboard, "chart", kind=theme.PRIMARY)
        self._ready.set_visibility(has_events)

    def show(self, arrival: Arrival, fix: Fix | None = None) -> None:
        """What is wrong with it stands below in amber, with a button that mends it where there is one."""
        self._headline.set_text(arrival.title)
        for key, (state, said) in arrival.steps.items():
            is_country = key == "country" and state == DONE
            self._steps[key].show(state, self._country_name(said) if is_country else said)
        if arrival.is_stored:
            self._ready.set_visibility(True)
        self._notes.clear()
        self._notes.set_visibility(False)
        if arrival.trouble:
            self.add(sentence_of(arrival.trouble, arrival.hostname), fix, self._advice(arrival.trouble))

    def add(self, sentence: str, fix: Fix | None = None, advice: str = "") -> None:
        """One more sentence below the steps of what was shown last."""
        self._notes.set_visibility(True)
        with self._notes:
            note(sentence, "warn")
            if advice:
                span(advice, f"{theme.MUTED} {theme.SMALL}")
            if fix:
                button(fix[0], on_click=fix[1]).style("align-self: flex-start")


class _Step:
    def __init__(self, label: str) -> None:
        with ui.element("div").classes("step") as self._box:
            with ui.element("span").classes("mark"):
                self._sign = icon("check")
            span(label)
            self._said: TextElement = span("", "say cut")

    def show(self, state: str, said: str) -> None:
        self._box.classes(replace=f"step {state}")
        self._sign.classes(replace=f"icon i-{SIGNS.get(state, 'check')}")
        self._said.set_text(said)


def _of_sender(
    country: str | None, browser: str, is_bot: bool, is_automated: bool, counts_automated: bool
) -> dict[str, tuple[str, str]]:
    return {
        "country": (DONE, country) if country else (OPEN, "unknown place"),
        "browser": (DONE, browser) if browser else (OPEN, "none that we know"),
        "human": _of_bot(is_bot, is_automated, counts_automated),
    }


def _of_bot(is_bot: bool, is_automated: bool, counts_automated: bool) -> tuple[str, str]:
    if is_automated:
        return (DONE, "automated, counted") if counts_automated else (APART, "automated: counted apart")
    return (OPEN, "looks like a bot: counted apart") if is_bot else (DONE, "")


def _waiting(name: str, has_events: bool) -> str:
    return f"Listening for {name}" if has_events else f"Waiting for the first event from {name}"


def _title(event: str, page: str | None) -> str:
    return f"{event or 'An event'} on {page}" if page else event or "An event"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
