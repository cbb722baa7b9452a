"""The enrichment pipeline: named steps that turn a hit into an event, or drop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

from collector.acquisition import allows_host, host_of, is_spam, referrer_host
from collector.campaign import campaign_of, split_click_id
from collector.client_hints import split_client_hints
from collector.errors import DropReason, EventDropped
from collector.event import Event, Hit, Identity
from collector.geolocation import Location
from collector.known_fields import FIELD_CONVERTERS, MAX_CLICK_TEXT_LENGTH, page_and_host, put_fields
from collector.ports import PropertyRules, VisitorKeySource
from collector.user_agent import UserAgent, classify, is_library_page_view
from collector.visitor import daily_visitor, local_days, visitor_of


class Geolocator(Protocol):
    def locate(self, address: str | None) -> Location: ...


class PipelineContext:
    """Input of the pipeline's steps: the hit, the property's rules, geolocation and visitor keys."""

    __slots__ = ("agent", "geolocator", "hit", "rules", "visitor_keys")

    def __init__(self, hit: Hit, rules: PropertyRules, geolocator: Geolocator, visitor_keys: VisitorKeySource) -> None:
        self.hit = hit
        self.rules = rules
        self.geolocator = geolocator
        self.visitor_keys = visitor_keys
        self.agent: UserAgent = _UNKNOWN_AGENT


_UNKNOWN_AGENT = UserAgent()
_URL_KEYS = ("url", "referrer", "href")
PipelineStep = Callable[[Event, PipelineContext], Event]


def drop_prefetch(event: Event, context: PipelineContext) -> Event:
    if context.hit.is_prefetch:
        raise EventDropped(DropReason.PREFETCH)
    return event


def put_location(event: Event, context: PipelineContext) -> Event:
    if context.hit.address:
        event.country, event.region, event.city = context.geolocator.locate(context.hit.address)
    return event


def put_user_agent(event: Event, context: PipelineContext) -> Event:
    agent = context.agent = classify(context.hit.user_agent)
    event.user_agent = context.hit.user_agent
    is_bot = agent.is_bot or is_library_page_view(agent, event.event, event.user_id)
    if is_bot and context.rules.discards_bots:
        raise EventDropped(DropReason.BOT)
    return event


def put_source(event: Event, context: PipelineContext) -> Event:
    """Sets page, hostname and referrer; the warehouse derives the channel from referrer and campaign."""
    url = event.data.get("url")
    if type(url) is str:
        event.page, url_host = page_and_host(url, context.rules.query_keys)
    else:
        url_host = None
    hostname = event.data.get("hostname")
    sent_host = host_of(hostname) if type(hostname) is str and hostname else None
    event.hostname = sent_host or url_host or context.hit.origin_host
    referrer = event.data.get("referrer")
    if type(referrer) is str and referrer:
        event.referrer = referrer_host(referrer, event.hostname)
    return event


def put_click_id(event: Event, context: PipelineContext) -> Event:
    """Keeps the name of a click id and removes its value, which identifies a person, from the URLs that were sent."""
    for key in _URL_KEYS:
        sent = event.data.get(key)
        if type(sent) is str and "?" in sent:
            event.data[key], click_id = split_click_id(sent)
            if click_id and key == "url" and event.click_id is None:
                event.click_id = event.data["click_id"] = click_id
    return event


def put_campaign(event: Event, context: PipelineContext) -> Event:
    """Reads campaign parameters of the URL that are not sent as fields of their own."""
    url = event.data.get("url")
    if type(url) is str and "?" in url:
        for field, value in campaign_of(url).items():
            if getattr(event, field) is None:
                setattr(event, field, FIELD_CONVERTERS[field](value))
    return event


def drop_excluded(event: Event, context: PipelineContext) -> Event:
    rules = context.rules
    if rules.hostnames and event.hostname and not allows_host(rules.hostnames, event.hostname):
        raise EventDropped(DropReason.HOSTNAME)
    if rules.excluded_addresses and context.hit.address and is_within(context.hit.address, rules.excluded_addresses):
        raise EventDropped(DropReason.EXCLUDED_IP)
    return event


def drop_spam(event: Event, context: PipelineContext) -> Event:
    if event.referrer and is_spam(event.referrer):
        raise EventDropped(DropReason.SPAM_REFERRER)
    return event


def put_visitor(event: Event, context: PipelineContext) -> Event:
    """Sets the visitor: by user_id, by daily hash, or none for server-side hits."""
    is_server = context.agent.is_library
    if (context.rules.is_cookieless or context.hit.has_privacy_signal) and not is_server:
        # A cookieless property and the browser's privacy signal also bind cached scripts and senders without a script:
        # the cookie's id is discarded.
        event.user_id = None
        event.data.pop("user_id", None)
    if event.user_id is not None:
        event.identity, event.visitor = Identity.COOKIE, visitor_of(event.user_id)
    elif not is_server or "user_agent" in event.data:
        hit, number, visitor_keys = context.hit, context.rules.number, context.visitor_keys
        today, yesterday = _key_days(hit, context.rules.timezone)
        user_agent, _ = split_client_hints(hit.user_agent)  # a browser sends hints with some requests only
        event.identity = Identity.DAILY
        event.visitor = daily_visitor(visitor_keys.key(number, today), hit.address, user_agent)
        if yesterday:
            event.previous_visitor = daily_visitor(visitor_keys.key(number, yesterday), hit.address, user_agent)
    return event


def _key_days(hit: Hit, timezone: str) -> tuple[date, date | None]:
    """Returns the local days of the keys that identify a cookieless visitor: as `local_days` does.

    For a past event the day on which it happened, while the key of that day exists: until the next local day ends.
    """
    days = local_days(hit.received_at, timezone)
    if hit.happened_at is None:
        return days
    age = days[0] - (own_days := local_days(hit.happened_at, timezone))[0]
    if age == timedelta():
        return own_days
    return (own_days[0] if age == timedelta(days=1) else days[0]), None


STEPS: list[PipelineStep] = [
    drop_prefetch,
    put_location,
    put_user_agent,
    put_click_id,
    put_source,
    put_campaign,
    drop_excluded,
    drop_spam,
    put_visitor,
]


class Pipeline:
    """Runs the enrichment steps in order.

    `geolocator` is a GeoIPDatabase in production; `visitor_keys` holds the daily keys.
    """

    def __init__(
        self, geolocator: Geolocator, visitor_keys: VisitorKeySource, steps: Iterable[PipelineStep] = STEPS
    ) -> None:
        self._geolocator = geolocator
        self._visitor_keys = visitor_keys
        self._steps = tuple(steps)

    def run(self, hit: Hit, rules: PropertyRules) -> Event:
        """Returns the enriched event. Raises EventDropped.

        May block once per day and property, to load the key of daily visitors.
        """
        context = PipelineContext(hit, rules, self._geolocator, self._visitor_keys)
        event = Event(hit.id, rules.number, hit.event, hit.happened_at or hit.received_at, hit.data)
        put_fields(event, hit.data)
        if event.event == "click" and "text" in event.data:
            if not rules.keeps_click_text:
                del event.data["text"]
            elif type(event.data["text"]) is str:
                event.data["text"] = event.data["text"][:MAX_CLICK_TEXT_LENGTH]
        try:
            for step in self._steps:
                event = step(event, context)
        except EventDropped as drop:
            drop.event = event
            raise
        return event


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    ip = ip_address(address)
    return any(ip in network for network in _parse_networks(networks))


@lru_cache(maxsize=512)
def _parse_networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Parses the networks of a property's rules; skips invalid ones.

    A typo must not drop hits.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip(), strict=False))
        except ValueError:
            continue
    return tuple(networks)
