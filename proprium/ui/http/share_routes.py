"""Routes of share links besides their pages: password form, reports, badge, counter and pictures."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from proprium.accounts import share_links
from proprium.accounts.passwords import is_correct
from proprium.accounts.share_links import OpenShare, ShareLinkNotFound
from proprium.errors import BadQuery, NotFound, PasswordQueueFull, UserFacingError
from proprium.figures import numbers
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.live import live_visitors
from proprium.metrics.query.data_access import NO_KEY
from proprium.metrics.query.period import Compare
from proprium.metrics.query.query import Query
from proprium.metrics.results import Metric
from proprium.properties import service
from proprium.reports.cancellation import cancel_on_disconnect
from proprium.reports.renderer import ReportFormat, ReportRenderer
from proprium.reports.report_queue import requester_of
from proprium.serialization import queries
from proprium.storage.tables import Property
from proprium.ui import flash
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http.badge import badge_svg, one_line
from proprium.ui.http.card_files import CardFiles
from proprium.ui.http.security import reject_cross_origin
from proprium.ui.http.share_access import open_share, paths_of, require_share, set_proof
from proprium.ui.services import Services

STATUS_CLIENT_CLOSED_REQUEST = 499
MAX_FIELD_LENGTH = 1_000
NO_STORE_HEADERS = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}
COUNTER_MAX_AGE_S = 60
"""Age of the numbers of badges and counters: they are on other sites' pages, which may have many readers."""
OPEN_HEADERS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
CARD_PERIOD, CARD_MAX_AGE_S = "28d", 3_600
BADGE_PERIODS = {"today": N_("visitors today"), "30d": N_("visitors in 30 days")}
LIVE_BADGE = "live"
LIVE_LABEL = N_("visitors now")


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    """Returns the routes. `address_of` identifies the client for the limits of passwords and reports."""
    database, clock = services.database, services.clock
    routes = APIRouter(include_in_schema=False)
    renderer = ReportRenderer(services.warehouse, services.atlas, services.settings.chromium, services.report_queue)
    cards = CardFiles(services)

    def shared_numbers(request: Request, token: str) -> OpenShare:
        """Returns a link that shares the metrics of its whole view. Raises ShareLinkNotFound."""
        share = require_share(services, request, token)
        if not share.has_numbers:
            raise ShareLinkNotFound
        return share

    @routes.post("/share/{token}/password", dependencies=[Depends(reject_cross_origin(services.settings.public_url))])
    async def password(
        request: Request,
        token: str,
        password: Annotated[str, Form(max_length=MAX_FIELD_LENGTH)],
        embed: Annotated[str, Form(max_length=10)] = "",
        query: Annotated[str, Form(max_length=8_000)] = "",
    ) -> RedirectResponse:
        share = open_share(services, token)
        path = paths_of(token)[1 if embed else 0]
        address, throttle = address_of(request), services.attempts
        account = f"share link {share.link.id}"  # no e-mail address: it has a space and no @
        try:
            throttle.count_attempt(account, address)
            matches = await services.hashing.run(partial(is_correct, share.link.password_hash, password))
        except PasswordQueueFull:
            raise
        except UserFacingError as problem:
            return RedirectResponse(f"{path}?{urlencode({'said': flash.put(str(problem))})}", 303)
        if not matches:
            message = flash.put(_("This password is incorrect."))
            return RedirectResponse(f"{path}?{urlencode({'said': message})}", 303)
        throttle.record_success(account, address)
        proof = await asyncio.to_thread(share_links.proof_of_password, database, share.link, clock=clock)
        response = RedirectResponse(
            f"{path}?{query}" if query.isascii() and query.isprintable() and query else path, 303
        )
        set_proof(response, token, proof, is_https=services.settings.is_https)
        return response

    @routes.get("/share/{token}/report.{kind}")
    async def report(request: Request, token: str, kind: str) -> Response:
        share = shared_numbers(request, token)
        try:
            report_format = ReportFormat(kind)
        except ValueError:
            format_names = ", ".join(f"report.{format_}" for format_ in ReportFormat)
            raise NotFound(
                _("There is no report.{kind}. Available: {names}.", kind=kind[:10], names=format_names)
            ) from None
        rendering = renderer.render(
            share.property_,
            request.query_params.multi_items(),
            report_format,
            clock(),
            share.data_access,
            requester_of(None, address_of(request)),
        )
        report_file = await cancel_on_disconnect(rendering, request.receive)
        if report_file is None:
            return Response(status_code=STATUS_CLIENT_CLOSED_REQUEST)
        await asyncio.to_thread(share_links.record_use, database, share.link, clock=clock)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(report_file.name)}"}
        return Response(report_file.content, media_type=report_file.media_type, headers=headers | NO_STORE_HEADERS)

    @routes.get("/share/{token}/badge.svg")
    async def badge(request: Request, token: str, metric: str = LIVE_BADGE, label: str = "") -> Response:
        share = shared_numbers(request, token)
        if metric not in {LIVE_BADGE, *BADGE_PERIODS}:
            names = ", ".join((LIVE_BADGE, *BADGE_PERIODS))
            raise BadQuery(
                _("metric={value} is not known. Choose one of {names}.", value=repr(metric[:40]), names=names)
            )
        count = (await _counts(services, share))[metric]
        text = one_line(label) or _(BADGE_PERIODS.get(metric, LIVE_LABEL))
        await asyncio.to_thread(share_links.record_use, database, share.link, clock=clock)
        picture = badge_svg(text, numbers.short(count)).encode()
        return _cacheable(request, picture, "image/svg+xml", share)

    @routes.get("/share/{token}/counter.json")
    async def counter(request: Request, token: str) -> Response:
        share = shared_numbers(request, token)
        counts = await _counts(services, share)
        await asyncio.to_thread(share_links.record_use, database, share.link, clock=clock)
        return _cacheable(request, bytes(JSONResponse(counts).body), "application/json", share)

    @routes.get("/share/{token}/card.png")
    async def share_card(request: Request, token: str) -> Response:
        share = shared_numbers(request, token)
        query = _query(services, share.property_, share, CARD_PERIOD)
        key = f"share {share.fingerprint}"
        picture = await cards.get(key, share.property_.name, query, requester_of(None, address_of(request)))
        return _cacheable(request, picture, "image/png", share, max_age_s=CARD_MAX_AGE_S)

    @routes.get("/properties/{property_id}/card.png")
    async def property_card(request: Request, property_id: UUID) -> Response:
        property_ = service.find_visible(database, property_id, None)
        query = _query(services, property_, None, CARD_PERIOD)
        key = f"property {property_.id}"
        picture = await cards.get(key, property_.name, query, requester_of(None, address_of(request)))
        return _cacheable(request, picture, "image/png", max_age_s=CARD_MAX_AGE_S)

    return routes


async def _counts(services: Services, share: OpenShare) -> dict[str, int]:
    """Returns the visitors now, today and in 30 days, computed at most once a minute for all requests."""
    property_ = share.property_

    def compute() -> dict[str, int]:
        live_query = _query(services, property_, share, "today")
        live = live_visitors(services.warehouse, property_.number or 0, live_query.now, property_.live_min, live_query)
        counts = {LIVE_BADGE: live.now}
        for key in BADGE_PERIODS:
            totals = queries.totals(services.warehouse, _query(services, property_, share, key)).totals
            counts[key] = int(totals.value(Metric.VISITORS) or 0)
        return counts

    key = ("counts", share.fingerprint)
    return await services.recent_results.get(key, compute, max_age_s=COUNTER_MAX_AGE_S)


def _query(services: Services, property_: Property, share: OpenShare | None, period: str) -> Query:
    """Returns the query of a period, within what the link or, without one, an anonymous reader may see."""
    access = share.data_access if share else NO_KEY
    params = [("period", period), ("compare", Compare.NONE)]
    return queries.query_of(services.warehouse, property_, params, services.clock(), access)


def _cacheable(
    request: Request,
    content: bytes,
    media_type: str,
    share: OpenShare | None = None,
    *,
    max_age_s: int = COUNTER_MAX_AGE_S,
) -> Response:
    """Returns the content for pages of any site, or 304 if the client has it.

    With a password, only the browser that knows it may keep the content.
    """
    reach = "private" if share is not None and share.link.password_hash else "public"
    headers = {
        **OPEN_HEADERS,
        "Cache-Control": f"{reach}, max-age={max_age_s}",
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:20]}"',
        "X-Robots-Tag": "noindex",
    }
    known_tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known_tags:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
