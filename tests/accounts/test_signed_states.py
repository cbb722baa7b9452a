"""States that a browser carries: signed, for one purpose, for a while, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from proprium.accounts.signed_states import SignedStates
from proprium.clock import utc_now
from proprium.storage.database import Database

MINUTE = timedelta(minutes=1)


def test_a_state_is_read_often_and_redeemed_once(database: Database) -> None:
    states = SignedStates(database)
    state = states.issue("sign in", {"user": "ada"}, MINUTE)
    assert states.read("sign in", state) == states.read("sign in", state) == {"user": "ada"}
    assert states.redeem("sign in", state) == {"user": "ada"}
    assert states.redeem("sign in", state) is None
    assert states.read("sign in", state) is None


def test_a_state_serves_its_purpose_only(database: Database) -> None:
    states = SignedStates(database)
    assert states.read("add passkey", states.issue("sign in", {}, MINUTE)) is None


def test_a_state_expires(database: Database) -> None:
    states = SignedStates(database, lambda: utc_now() - timedelta(minutes=2))
    state = states.issue("sign in", {}, MINUTE)
    assert SignedStates(database).read("sign in", state) is None


def test_another_process_accepts_a_state_of_this_storage(database: Database) -> None:
    state = SignedStates(database).issue("sign in", {"user": "ada"}, MINUTE)
    assert SignedStates(database).read("sign in", state) == {"user": "ada"}


@pytest.mark.parametrize("change", ["flip", "cut", "signature", "empty", "long", "unicode", "none"])
def test_a_changed_state_is_no_state(database: Database, change: str) -> None:
    states = SignedStates(database)
    state = states.issue("sign in", {"user": "ada"}, MINUTE)
    text, _, signature = state.partition(".")
    changed = {
        "flip": ("A" if text[0] != "A" else "B") + state[1:],
        "cut": text,
        "signature": f"{text}.{'0' * len(signature)}",
        "empty": "",
        "long": "x" * 100_000,
        "unicode": "ü.ü",
        "none": None,
    }[change]
    assert states.redeem("sign in", changed) is None
