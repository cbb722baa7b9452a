"""User-Agents, each text stored once."""

from __future__ import annotations

from typing import Any

from collector.user_agent import classify

MOST_IN_MEMORY = 20_000

_FIND = "SELECT id FROM user_agent WHERE text = ?"
_KEEP = (
    "INSERT INTO user_agent (text, browser, platform, device, is_bot, bot_name) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)


class UserAgentNumbers:
    """The number of each text, made where there is none, inside the writer's own transaction."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._fresh: list[str] = []

    def number(self, cursor: Any, text: str) -> int | None:
        """None for a sender that did not say who it is."""
        if not text:
            return None
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = _find_or_keep(cursor, text)
            self._fresh.append(text)
        return number

    def committed(self) -> None:
        self._fresh.clear()
        if len(self._numbers) > MOST_IN_MEMORY:
            self._numbers.clear()

    def rolled_back(self) -> None:
        """Forgets the numbers that were never committed."""
        for text in self._fresh:
            self._numbers.pop(text, None)
        self._fresh.clear()


def _find_or_keep(cursor: Any, text: str) -> int:
    if (row := cursor.execute(_FIND, (text,)).fetchone()) is None:
        agent = classify(text)
        names = (agent.browser or "", agent.platform or "", agent.device or "")
        cursor.execute(_KEEP, (text, *names, agent.is_bot, agent.bot_name or ""))
        row = cursor.execute(_FIND, (text,)).fetchone()
    return int(row[0])
