"""Named patterns: their literals, their order, and agreement with a plain search."""

from __future__ import annotations

import re

import pytest

from collector import bots
from collector.pattern_table import PatternTable, required_literal, split_alternatives


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        (r"\bsiege/\d", "siege/"),
        (r"google-?notebooklm", "notebooklm"),
        (r"\) excel/\d", ") excel/"),
        (r"amazonbot(?!-x(?:y))", "amazonbot"),
        (r"bigsur\.ai", "bigsur.ai"),
        (r"abc.def", "abc"),
        (r"[ab]+", ""),
        (r"colou?r", "colo"),
    ],
)
def test_the_literal_occurs_in_every_match(pattern: str, literal: str) -> None:
    assert required_literal(pattern) == literal


def test_alternatives_are_split_outside_of_groups_only() -> None:
    assert split_alternatives(r"a\|b|(?:c|d)e|\) f") == [r"a\|b", "(?:c|d)e", r"\) f"]


def test_the_first_pattern_that_occurs_counts_wherever_it_stands() -> None:
    table = PatternTable([("first", "late"), ("second", "early")])
    match = table.search("early, late")
    assert match is not None
    assert match[0] == "first"
    assert table.search("neither") is None


def test_a_table_that_ignores_case_finds_upper_case() -> None:
    assert PatternTable([("bot", r"gptbot")], re.IGNORECASE).search("GPTBot/1.2") is not None


def test_the_literals_of_our_own_bots_are_in_lower_case() -> None:
    for patterns in bots.agents()["bots"].values():
        for pattern in patterns.values():
            for alternative in split_alternatives(pattern):
                literal = required_literal(alternative)
                assert literal == literal.lower()
                assert len(literal) > 2 or literal == "<"
