"""Health checks and Prometheus metrics: /healthz, /readyz and /metrics, the same in `serve` and `collect`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collector.client_address import canonical_ip, is_private, is_proxied

if TYPE_CHECKING:  # `collect` loads no warehouse
    from proprium.warehouse.projection.projector import Projector
    from proprium.warehouse.warehouse import Warehouse

MAX_WAREHOUSE_LAG_S = 60.0
HealthCheck = Callable[[], str | None]
"""Returns None when healthy, else a message. May block."""


def health_routes(
    checks: Mapping[str, HealthCheck],
    metrics: Callable[[], str],
    metrics_token: str = "",
    degraded_checks: Mapping[str, HealthCheck] = MappingProxyType({}),
    details: Callable[[], Mapping[str, object]] = dict,
) -> APIRouter:
    """Returns the routes. `checks` are keyed by component name; `metrics` returns Prometheus text, and may block.

    Failures of `degraded_checks` are reported too, but the server stays ready: a restart would not mend them.
    With a token, /metrics requires it from every client; without one it answers this machine and its private network.
    For clients that may read /metrics, /readyz also returns `details`: JSON values by name.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    @routes.get("/readyz")
    def readyz(request: Request) -> Response:
        failures, degraded = _run_checks(checks), _run_checks(degraded_checks)
        body: dict[str, object] = {"ready": not failures, "wrong": failures}
        if degraded:
            body["degraded"] = degraded
        may_read = has_token(request, metrics_token) if metrics_token else is_private_client(request)
        if may_read and (values := details()):
            body["details"] = values
        return JSONResponse(body, 503 if failures else 200, headers={"Cache-Control": "no-store"})

    @routes.get("/metrics")
    def prometheus(request: Request) -> Response:
        if metrics_token and not has_token(request, metrics_token):
            return PlainTextResponse(
                "Send the header Authorization: Bearer <PROPRIUM_METRICS_TOKEN>.\n", 401, {"WWW-Authenticate": "Bearer"}
            )
        if not metrics_token and not is_private_client(request):
            return PlainTextResponse("Not found\n", 404)
        return PlainTextResponse(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def _run_checks(checks: Mapping[str, HealthCheck]) -> dict[str, str]:
    """Returns the messages of failed checks by component name."""
    messages = {}
    for name, check in checks.items():
        try:
            message = check()
        except Exception as problem:  # a check that cannot run is a failed check
            message = f"{type(problem).__name__}: {problem}"
        if message:
            messages[name] = message
    return messages


def warehouse_problem(warehouse: Warehouse, projector: Projector) -> str | None:
    """Returns why dashboards have no current numbers: a rebuild without which nothing can be read, or the lag."""
    if (percent := warehouse.rebuild_percent()) is not None:
        cause = "cannot be read" if warehouse.damage else "was built by another version"
        progress = f"it {cause} and is being rebuilt from storage: {percent} %"
        return f"{progress}; the last attempt failed: {projector.failure}" if projector.failure else progress
    lag_s = projector.lag_s()
    return f"it is {lag_s:.0f} s behind storage" if lag_s > MAX_WAREHOUSE_LAG_S else None


@dataclass(frozen=True)
class JobStatus:
    """The last run of a scheduled job, and how many failed since the start."""

    ended_at: datetime
    duration_s: float
    has_failed: bool
    failure_count: int


@dataclass(frozen=True)
class ServerNumbers:
    """What an operator watches of a `serve`: lag, sizes and scheduled jobs."""

    warehouse_lag_s: float
    is_rebuilding: bool
    storage_bytes: int
    warehouse_bytes: int
    jobs: Mapping[str, JobStatus]

    def as_details(self) -> dict[str, object]:
        """Returns JSON values for /readyz."""
        return {
            "warehouse_lag_s": round(self.warehouse_lag_s, 1),
            "warehouse_rebuilding": self.is_rebuilding,
            "storage_bytes": self.storage_bytes,
            "warehouse_bytes": self.warehouse_bytes,
            "jobs": {
                name: {
                    "ended_at": job.ended_at.isoformat(timespec="seconds"),
                    "duration_s": round(job.duration_s, 3),
                    "ok": not job.has_failed,
                    "failures": job.failure_count,
                }
                for name, job in sorted(self.jobs.items())
            },
        }

    def as_prometheus(self) -> str:
        jobs = sorted(self.jobs.items())
        return "".join(
            (
                _gauge("warehouse_lag_seconds", "How long the oldest pending event has waited.", self.warehouse_lag_s),
                _gauge("warehouse_rebuilding", "1 while dashboards wait for a rebuild.", int(self.is_rebuilding)),
                _gauge("storage_bytes", "Size of storage with its write-ahead log.", self.storage_bytes),
                _gauge("warehouse_bytes", "Size of the warehouse.", self.warehouse_bytes),
                _by_job(
                    "job_last_end_timestamp_seconds",
                    "gauge",
                    "When the job last ended.",
                    {name: job.ended_at.timestamp() for name, job in jobs},
                ),
                _by_job(
                    "job_last_duration_seconds",
                    "gauge",
                    "How long its last run took.",
                    {name: job.duration_s for name, job in jobs},
                ),
                _by_job(
                    "job_failures_total",
                    "counter",
                    "Failed runs since the start.",
                    {name: job.failure_count for name, job in jobs},
                ),
            )
        )


def _gauge(name: str, help_text: str, value: float) -> str:
    return f"# HELP proprium_{name} {help_text}\n# TYPE proprium_{name} gauge\nproprium_{name} {value}\n"


def _by_job(name: str, kind: str, help_text: str, values: Mapping[str, float]) -> str:
    lines = "".join(f'proprium_{name}{{job="{job}"}} {value}\n' for job, value in values.items())
    return f"# HELP proprium_{name} {help_text}\n# TYPE proprium_{name} {kind}\n{lines}"


def file_bytes(path: Path) -> int:
    """Returns the size of a database file with its write-ahead log; 0 where there is none."""
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal"), Path(f"{path}.wal")) if file.is_file())


def is_private_client(request: Request) -> bool:
    """Returns True for direct requests from this machine or its private network.

    A proxied client may be anyone.
    """
    if request.client is None or is_proxied(name for name, _ in request.headers.raw):
        return False
    address = canonical_ip(request.client.host)
    return address is not None and is_private(address)


def has_token(request: Request, token: str) -> bool:
    scheme, _, presented_token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(presented_token.strip().encode(), token.encode())
