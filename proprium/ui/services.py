"""What every page is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from proprium.accounts.login_throttle import Attempts
from proprium.accounts.passwords import HashingPool
from proprium.clock import Clock, utc_now
from proprium.config import Settings
from proprium.reports.report_queue import ReportQueue
from proprium.ui.http.security import AddressOf, peer_address
from proprium.ui.render_queue import Turns

if TYPE_CHECKING:
    from collector.event import Outcome
    from maps.atlas import Atlas
    from proprium.live.hit_feed import Heard
    from proprium.live.subscriptions import Hub
    from proprium.properties.rules_cache import Directory
    from proprium.sql_console.runner import Runner
    from proprium.storage.database import Database
    from proprium.warehouse.projection.projector import Projector
    from proprium.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Services:
    """Made once by the composition root; pages keep no other state that people share."""

    settings: Settings
    database: Database
    warehouse: Warehouse
    hub: Hub
    heard: Heard[Outcome]
    directory: Directory
    atlas: Atlas
    projector: Projector
    sql: Runner
    own_property_id: UUID | None = None  # "Proprium": what the app's own pages report to; None: they report nothing
    add_sample: Callable[[UUID], None] | None = None  # makes the property "Exemplar" for that user; takes a while
    clock: Clock = utc_now
    turns: Turns = field(default_factory=Turns)
    attempts: Attempts = field(default_factory=Attempts)
    hashing: HashingPool = field(default_factory=HashingPool)
    report_queue: ReportQueue = field(default_factory=ReportQueue)  # the one of the report files
    address_of: AddressOf = peer_address
