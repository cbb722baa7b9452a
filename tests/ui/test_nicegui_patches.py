"""Patches of NiceGUI return what NiceGUI returns, and NiceGUI still calls the functions that they replace."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from nicegui import helpers

from proprium.ui import nicegui_patches

_original = nicegui_patches._original_expects_arguments


class Card:
    def update(self) -> None: ...

    def press(self, event: object) -> None: ...

    def toggle(self, event: object = None) -> None: ...

    def many(self, *events: object, **more: object) -> None: ...

    @classmethod
    def make(cls, name: str) -> None: ...


FUNCTIONS = [
    Card().update,
    Card().press,
    Card().toggle,
    Card().many,
    Card.make,
    Card.press,
    lambda: None,
    lambda event: None,
    lambda event=1: None,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_cached_answer_is_the_one_of_nicegui(function: Any) -> None:
    for _ in range(2):
        assert nicegui_patches.expects_arguments(function) == _original(function)


def test_a_method_of_a_thousand_elements_is_inspected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inspected: list[object] = []
    signature = inspect.signature
    monkeypatch.setattr(
        "nicegui.helpers.functions.signature", lambda func: (inspected.append(func), signature(func))[1]
    )
    nicegui_patches._method_expects_arguments.cache_clear()
    for _ in range(1_000):
        nicegui_patches.expects_arguments(Card().update)
    assert len(inspected) == 1


def test_nicegui_still_calls_the_function_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from nicegui.observables import ObservableList

    monkeypatch.setattr(helpers, "expects_arguments", nicegui_patches.expects_arguments)
    nicegui_patches._method_expects_arguments.cache_clear()
    changes: list[str] = []

    class Watcher:
        def on_change(self) -> None:
            changes.append("changed")

    ObservableList([], on_change=Watcher().on_change).append(1)
    assert changes == ["changed"]
    assert nicegui_patches._method_expects_arguments.cache_info().misses == 1


PROPS = [
    'type="button"',
    "alt=''",
    "dense outlined",
    "delay=350 max-width=280px",
    ':options="[1, 2]"',
    "x=[1, 2]",
    "y={'a': 1}",
    "",
]


@pytest.mark.parametrize("text", PROPS)
def test_parsed_props_are_those_of_nicegui(text: str) -> None:
    for _ in range(2):
        assert nicegui_patches.parse_props(text) == nicegui_patches._parse(text)


@pytest.mark.parametrize("text", PROPS)
def test_changed_props_do_not_change_the_cache(text: str) -> None:
    first = nicegui_patches.parse_props(text)
    for value in first.values():
        if isinstance(value, list):
            value.append("changed")
        elif isinstance(value, dict):
            value["changed"] = True
    first["changed"] = True
    assert nicegui_patches.parse_props(text) == nicegui_patches._parse(text)


def test_nicegui_still_calls_the_parser_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from nicegui.props import Props

    parsed: list[str | None] = []
    monkeypatch.setattr(Props, "parse", staticmethod(lambda text: (parsed.append(text), {})[1]))

    class Element:
        def update(self) -> None: ...

    element = Element()
    Props(element=element)("a=1")  # type: ignore[type-var]
    assert "a=1" in parsed
