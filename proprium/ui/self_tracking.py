"""Self-tracking: events of the interface, sent to the property that tracks Proprium itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from proprium.ui.services import Services


def track(services: Services, event: str, data: Mapping[str, Any] | None = None) -> None:
    """Sends a UI event to Proprium's own property.

    It contains no ids or names.
    """
    if services.own_property_id is not None:
        payload = json.dumps({"event": event, "data": dict(data or {})})
        ui.run_javascript(f"(window.collectorQueue = window.collectorQueue || []).push({payload})")
