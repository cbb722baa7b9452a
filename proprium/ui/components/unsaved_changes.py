"""Unsaved changes of a form: asked about before the page is left, and kept over a reload of the page."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from nicegui import Client, background_tasks, ui

STORE_DELAY_S = 0.3
"""Pause in typing after which the draft is stored in the browser."""

# The browser asks before it leaves. It does not ask when a lost connection makes the page reload, since the draft of
# this tab is restored then.
GUARD_SCRIPT = """
window.draft = {isChanged: false, isConnectionLost: false};
addEventListener('beforeunload', (event) => {
    if (draft.isChanged && !draft.isConnectionLost) event.preventDefault();
});
socket.on('disconnect', () => { draft.isConnectionLost = true; });
socket.on('connect', () => setTimeout(() => { draft.isConnectionLost = false; }, 5000));
"""


class UnsavedChanges:
    """Draft of the form on one open page, stored in the browser's tab."""

    def __init__(self, name: str) -> None:
        """`name`: identifies the form in the browser."""
        self._key = json.dumps(f"draft {name}")
        self._client: Client = ui.context.client
        self._draft: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Registers the guard in the connected browser; returns the draft that a reload left, {} without one."""
        self._client.run_javascript(GUARD_SCRIPT)
        stored = await self._client.run_javascript(f"sessionStorage.getItem({self._key})", timeout=10)
        try:
            draft = json.loads(stored) if isinstance(stored, str) else {}
        except ValueError:
            return {}
        return draft if isinstance(draft, dict) else {}

    def update(self, draft: dict[str, Any]) -> None:
        """Replaces the draft: the fields that differ from what is saved."""
        if draft == self._draft:
            return  # also while the page is built: the draft of the page before it is still to be read
        if bool(draft) is not bool(self._draft):
            self._client.run_javascript(f"if (window.draft) draft.isChanged = {json.dumps(bool(draft))}")
        self._draft = draft
        if self._task is None or self._task.done():
            self._task = background_tasks.create(self._store(), name="store draft")

    async def _store(self) -> None:
        await asyncio.sleep(STORE_DELAY_S)
        if self._client.is_deleted:
            return
        if self._draft:
            text = json.dumps(json.dumps(self._draft))
            self._client.run_javascript(f"sessionStorage.setItem({self._key}, {text})")
        else:
            self._client.run_javascript(f"sessionStorage.removeItem({self._key})")
