"""Install checklist: the steps that an arriving event passes, with a warning where one was rejected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from collector.errors import DropReason
from collector.event import HitOutcome
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.events import StoredEvent
from proprium.ui import theme
from proprium.ui.components.controls import button, icon, link_button
from proprium.ui.components.feedback import note
from proprium.ui.components.rejection_messages import AUTOMATED, Fix, sentence_of, status_of
from proprium.ui.components.text import span

STEP_LABELS = {
    "received": N_("Received"),
    "known": N_("Property found"),
    "hostname": N_("Hostname allowed"),
    "address": N_("IP address resolved"),
    "country": N_("Country"),
    "browser": N_("Browser"),
    "human": N_("Not a bot"),
    "stored": N_("Stored"),
}
STEP_BY_REASON: dict[str, str] = {
    DropReason.HOSTNAME: "hostname",
    DropReason.EXCLUDED_IP: "address",
    DropReason.BOT: "human",
}
STEP_BY_STATUS = {400: "received", 404: "known", 413: "received", 429: "address"}
"""HTTP status → step at which a request was rejected before its events were read; a 503 fails at the last step."""
DONE, REJECTED, WARNING, PENDING = "done", "refused", "apart", ""  # CSS classes; WARNING: accepted, but needs action
ICON_BY_STATE = {REJECTED: "close", WARNING: "warn"}


StepStates = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class HitReport:
    """A hit as the checklist shows it: step → (state, detail)."""

    title: str
    steps: StepStates
    problem: str = ""  # why it was rejected or counts as a bot: a key of SENTENCE_BY_REASON, or "status: sentence"
    hostname: str | None = None
    has_address: bool | None = True  # None: unknown, another process received the hit
    is_stored: bool = False

    @classmethod
    def from_outcome(cls, outcome: HitOutcome, counts_automated: bool = True) -> HitReport:
        """Reports a hit of this process's own collector, with every detail."""
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
        """Reports an event read from storage: received by another process, so it passed every check."""
        country, url = event.country or None, event.data.get("url")
        steps = {
            "received": (DONE, event.event),
            "known": (DONE, ""),
            "hostname": (DONE, event.hostname or _("none sent")),
            "address": (DONE if country else PENDING, "" if country else _("not available")),
            **_agent_steps(country, event.browser, event.is_bot, event.is_automated, counts_automated),
            "stored": (DONE, ""),
        }
        problem = AUTOMATED if event.is_automated and not counts_automated else ""
        return cls(
            _title(event.event, url if isinstance(url, str) else ""),
            steps,
            problem,
            None,
            True if country else None,
            True,
        )


def _outcome_steps(outcome: HitOutcome, counts_automated: bool) -> StepStates:
    if rejecting_step := STEP_BY_STATUS.get(status_of(outcome.reason) or 0):
        # The steps after it were not reached and stay pending.
        steps = dict.fromkeys(STEP_LABELS, (PENDING, "")) | {"received": (DONE, outcome.event), "known": (DONE, "")}
        steps[rejecting_step] = (REJECTED, steps[rejecting_step][1])
        return steps
    steps = {
        "received": (DONE, outcome.event),
        "known": (DONE, ""),
        "hostname": (DONE, outcome.hostname or _("none sent")),
        "address": (DONE, "") if outcome.has_address else (WARNING, _("unknown: behind a proxy?")),
        **_agent_steps(outcome.country, outcome.browser, outcome.is_bot, outcome.is_automated, counts_automated),
        "stored": (DONE, _("duplicate, counted once"))
        if outcome.is_duplicate
        else (DONE if outcome.is_stored else PENDING, ""),
    }
    if outcome.reason:
        failed_step = STEP_BY_REASON.get(outcome.reason, "stored")
        steps[failed_step] = (REJECTED, steps[failed_step][1])
    return steps


class InstallChecklist:
    """The checklist card beside the tracking code.

    Without a `dashboard_url`, no link leads there. `advice_for` maps a problem to a sentence about what to do where no
    one-click fix exists, or to "".
    """

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
        headline = (
            _("Listening for {name}", name=site_name)
            if has_events
            else _("Waiting for the first event from {name}", name=site_name)
        )
        with ui.element("div").classes(f"{theme.LINE} bd").style("padding-bottom: 2px").props('role="status"'):
            self._dot = ui.element("span").classes(f"{theme.DOT} {theme.ON}")
            self._headline = span(headline, "strong")
        with ui.element("div").classes("ticks bd").style("padding-top: 4px"):
            for key, label in STEP_LABELS.items():
                self._step_rows[key] = _StepRow(_(label))
        self._notes_box = ui.element("div").classes(f"{theme.BODY} {theme.STACK}").style("padding-top: 0")
        self._notes_box.set_visibility(False)
        with ui.element("div").classes(theme.BODY).style("padding-top: 0") as self._ready_box:
            link_button(_("Open the dashboard"), dashboard_url, "chart", kind=theme.PRIMARY)
        self._has_link = bool(dashboard_url)
        self._ready_box.set_visibility(has_events and self._has_link)

    def show(self, hit_report: HitReport, fix: Fix | None = None) -> None:
        """Shows a hit's steps; its problem goes below as a warning, with a button for `fix` if there is one."""
        self._headline.set_text(hit_report.title)
        for key, (state, detail) in hit_report.steps.items():
            is_country = key == "country" and state == DONE
            self._step_rows[key].show(state, self._country_name(detail) if is_country else detail)
        if hit_report.is_stored:
            self._ready_box.set_visibility(self._has_link)
        self._notes_box.clear()
        self._notes_box.set_visibility(False)
        if hit_report.problem:
            self.add_note(
                sentence_of(hit_report.problem, hit_report.hostname), fix, self._advice_for(hit_report.problem)
            )

    def add_note(self, sentence: str, fix: Fix | None = None, advice: str = "") -> None:
        """Adds one more warning below the steps of the hit that was shown last."""
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
    if is_automated:
        human = (DONE, _("automated, counted")) if counts_automated else (WARNING, _("automated: counted as a bot"))
    else:
        human = (PENDING, _("looks like a bot: recorded separately")) if is_bot else (DONE, "")
    return {
        "country": (DONE, country) if country else (PENDING, _("unknown location")),
        "browser": (DONE, browser) if browser else (PENDING, _("unknown browser")),
        "human": human,
    }


def _title(event: str, page: str | None) -> str:
    name = event or _("An event")
    return _("{event} on {page}", event=name, page=page) if page else name
