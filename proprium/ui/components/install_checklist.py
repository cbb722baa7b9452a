"""The tick list that fills while the first hits arrive, and says in amber why one was refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from collector.errors import DropReason
from collector.event import HitOutcome
from proprium.storage.events import StoredEvent
from proprium.ui import theme
from proprium.ui.components.controls import button, icon, link_button
from proprium.ui.components.feedback import note
from proprium.ui.components.rejection_messages import AUTOMATED, Fix, sentence_of, status_of
from proprium.ui.components.text import span

STEP_LABELS = {
    "received": "Received",
    "known": "Property known",
    "hostname": "Hostname allowed",
    "address": "Address read",
    "country": "Country",
    "browser": "Browser",
    "human": "A person, no bot",
    "stored": "Stored",
}
STEP_BY_REASON: dict[str, str] = {
    DropReason.HOSTNAME: "hostname",
    DropReason.EXCLUDED_IP: "address",
    DropReason.BOT: "human",
}
STEP_BY_STATUS = {400: "received", 404: "known", 413: "received", 429: "address"}
"""Where a request ended that was refused before anybody looked at its events; a 503 ended at the last step."""
DONE, REJECTED, WARNING, PENDING = "done", "refused", "apart", ""  # APART: let in, but something should be done
ICON_BY_STATE = {REJECTED: "close", WARNING: "warn"}
DUPLICATE_TEXT = "sent again, counted once"


StepStates = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class HitReport:
    """A hit as the list shows it: step → (state, what to say)."""

    title: str
    steps: StepStates
    problem: str = ""  # why it was refused or kept apart: a key of reasons.SENTENCES, or a status and a sentence
    hostname: str | None = None
    has_address: bool | None = True  # None: another process knows
    is_stored: bool = False

    @classmethod
    def from_outcome(cls, outcome: HitOutcome, counts_automated: bool = True) -> HitReport:
        """From this process's own collector: everything is known of it."""
        is_kept_apart = outcome.is_automated and not counts_automated
        return cls(
            _title(outcome.event, outcome.page),
            _outcome_steps(outcome, counts_automated),
            outcome.reason or (AUTOMATED if is_kept_apart else ""),
            outcome.hostname,
            outcome.has_address,
            outcome.is_stored or outcome.is_duplicate,
        )

    @classmethod
    def from_event(cls, event: StoredEvent, counts_automated: bool = True) -> HitReport:
        """From storage: another process took it, so it passed every door."""
        country = event.country or None
        steps = {
            "received": (DONE, event.event),
            "known": (DONE, ""),
            "hostname": (DONE, event.hostname or "none sent"),
            "address": (DONE if country else PENDING, "" if country else "not told"),
            **_agent_steps(country, event.browser, event.is_bot, event.is_automated, counts_automated),
            "stored": (DONE, ""),
        }
        problem = AUTOMATED if event.is_automated and not counts_automated else ""
        return cls(
            _title(event.event, _text_or_empty(event.data.get("url"))),
            steps,
            problem,
            None,
            True if country else None,
            True,
        )


def _outcome_steps(outcome: HitOutcome, counts_automated: bool) -> StepStates:
    if step := STEP_BY_STATUS.get(status_of(outcome.reason) or 0):
        return _rejected_request_steps(outcome, step)
    steps = {
        "received": (DONE, outcome.event),
        "known": (DONE, ""),
        "hostname": (DONE, outcome.hostname or "none sent"),
        "address": (DONE, "") if outcome.has_address else (WARNING, "unknown: behind a proxy?"),
        **_agent_steps(outcome.country, outcome.browser, outcome.is_bot, outcome.is_automated, counts_automated),
        "stored": (DONE, DUPLICATE_TEXT) if outcome.is_duplicate else (DONE if outcome.is_stored else PENDING, ""),
    }
    if outcome.reason:
        failed_step = STEP_BY_REASON.get(outcome.reason, "stored")
        steps[failed_step] = (REJECTED, steps[failed_step][1])
    return steps


def _rejected_request_steps(outcome: HitOutcome, failed_step: str) -> StepStates:
    """What comes after the step where it ended was not looked at."""
    steps = dict.fromkeys(STEP_LABELS, (PENDING, "")) | {"received": (DONE, outcome.event), "known": (DONE, "")}
    steps[failed_step] = (REJECTED, steps[failed_step][1])
    return steps


class InstallChecklist:
    """The card beside the tag. `advice` says in a sentence what no click does."""

    def __init__(
        self,
        site_name: str,
        dashboard_url: str,
        *,
        has_events: bool,
        country_name: Callable[[str], str],
        advice_for: Callable[[str], str],
    ) -> None:
        self._country_name, self._advice_for = country_name, advice_for
        self._step_rows: dict[str, _StepRow] = {}
        with ui.element("div").classes(f"{theme.LINE} bd").style("padding-bottom: 2px").props('role="status"'):
            self._dot = ui.element("span").classes(f"{theme.DOT} {theme.ON}")
            self._headline = span(_headline_text(site_name, has_events), "strong")
        with ui.element("div").classes("ticks bd").style("padding-top: 4px"):
            for key, label in STEP_LABELS.items():
                self._step_rows[key] = _StepRow(label)
        self._notes_box = ui.element("div").classes(f"{theme.BODY} {theme.STACK}").style("padding-top: 0")
        self._notes_box.set_visibility(False)
        with ui.element("div").classes(theme.BODY).style("padding-top: 0") as self._ready_box:
            link_button("Open the dashboard", dashboard_url, "chart", kind=theme.PRIMARY)
        self._ready_box.set_visibility(has_events)

    def show(self, hit_report: HitReport, fix: Fix | None = None) -> None:
        """What is wrong with it stands below in amber, with a button that mends it where there is one."""
        self._headline.set_text(hit_report.title)
        for key, (state, detail) in hit_report.steps.items():
            is_country = key == "country" and state == DONE
            self._step_rows[key].show(state, self._country_name(detail) if is_country else detail)
        if hit_report.is_stored:
            self._ready_box.set_visibility(True)
        self._notes_box.clear()
        self._notes_box.set_visibility(False)
        if hit_report.problem:
            self.add_note(
                sentence_of(hit_report.problem, hit_report.hostname), fix, self._advice_for(hit_report.problem)
            )

    def add_note(self, sentence: str, fix: Fix | None = None, advice: str = "") -> None:
        """One more sentence below the steps of what was shown last."""
        self._notes_box.set_visibility(True)
        with self._notes_box:
            note(sentence, "warn")
            if advice:
                span(advice, f"{theme.MUTED} {theme.SMALL}")
            if fix:
                button(fix[0], on_click=fix[1]).style("align-self: flex-start")


class _StepRow:
    def __init__(self, label: str) -> None:
        with ui.element("div").classes("step") as self._box:
            with ui.element("span").classes("mark"):
                self._icon = icon("check")
            span(label)
            self._detail: TextElement = span("", "say cut")

    def show(self, state: str, detail: str) -> None:
        self._box.classes(replace=f"step {state}")
        self._icon.classes(replace=f"icon i-{ICON_BY_STATE.get(state, 'check')}")
        self._detail.set_text(detail)


def _agent_steps(
    country: str | None, browser: str, is_bot: bool, is_automated: bool, counts_automated: bool
) -> dict[str, tuple[str, str]]:
    return {
        "country": (DONE, country) if country else (PENDING, "unknown place"),
        "browser": (DONE, browser) if browser else (PENDING, "none that we know"),
        "human": _human_step(is_bot, is_automated, counts_automated),
    }


def _human_step(is_bot: bool, is_automated: bool, counts_automated: bool) -> tuple[str, str]:
    if is_automated:
        return (DONE, "automated, counted") if counts_automated else (WARNING, "automated: counted apart")
    return (PENDING, "looks like a bot: counted apart") if is_bot else (DONE, "")


def _headline_text(name: str, has_events: bool) -> str:
    return f"Listening for {name}" if has_events else f"Waiting for the first event from {name}"


def _title(event: str, page: str | None) -> str:
    return f"{event or 'An event'} on {page}" if page else event or "An event"


def _text_or_empty(value: object) -> str:
    return value if isinstance(value, str) else ""
