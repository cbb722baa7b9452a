"""Dependency container of the pages: settings, storage, warehouse, live queries, queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from collector.geolocation import UNKNOWN_LOCATION, GeoIPState, Location
from proprium.accounts.factor_throttle import FactorThrottle
from proprium.accounts.login_throttle import LoginThrottle
from proprium.accounts.mail_throttle import MailThrottle
from proprium.accounts.passwords import PasswordHashingPool
from proprium.accounts.signed_states import SignedStates
from proprium.clock import Clock, utc_now
from proprium.config import Settings
from proprium.live.recent_results import RecentResults
from proprium.mail.mailer import Mailer
from proprium.reports.report_queue import ReportQueue
from proprium.ui.client_address import AddressChoiceOf, ClientAddressOf, peer_address, peer_choice
from proprium.ui.render_queue import RenderQueue

if TYPE_CHECKING:
    from collector.event import HitOutcome
    from maps.atlas import Atlas
    from proprium.live.hit_feed import HitFeed
    from proprium.live.subscriptions import LiveQueries
    from proprium.properties.rules_cache import PropertyRulesCache
    from proprium.sql_console.runner import SqlRunner
    from proprium.storage.database import Database
    from proprium.storage.tables import Property
    from proprium.warehouse.projection.projector import Projector
    from proprium.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Services:
    """Services of one server, built by the composition root.

    Pages share no other state.
    """

    settings: Settings
    database: Database
    warehouse: Warehouse
    live_queries: LiveQueries
    hit_feed: HitFeed[HitOutcome]
    rules_cache: PropertyRulesCache
    atlas: Atlas
    projector: Projector
    sql_runner: SqlRunner
    mail: Mailer
    own_property_id: UUID | None = None  # the property that tracks our own pages; None: no tracking
    add_sample: Callable[[UUID], Property] | None = None  # creates the sample property "Exemplar" for a user id; slow
    clock: Clock = utc_now
    render_queue: RenderQueue = field(default_factory=RenderQueue)
    attempts: LoginThrottle = field(default_factory=LoginThrottle)
    factor_attempts: FactorThrottle = field(default_factory=FactorThrottle)
    mail_throttle: MailThrottle = field(default_factory=MailThrottle)
    hashing: PasswordHashingPool = field(default_factory=PasswordHashingPool)
    recent_results: RecentResults = field(default_factory=RecentResults)  # of pages for readers without an account
    report_queue: ReportQueue = field(default_factory=ReportQueue)  # shared with the report downloads
    address_of: ClientAddressOf = peer_address
    address_choice_of: AddressChoiceOf = peer_choice  # how the client's address of a connection was chosen
    locate: Callable[[str | None], Location] = lambda address: UNKNOWN_LOCATION
    states: SignedStates = field(init=False)  # of sign-ins in several steps
    geoip_state: Callable[[], GeoIPState] = lambda: GeoIPState.READY  # of the database from which visitors get a place

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", SignedStates(self.database, self.clock))
