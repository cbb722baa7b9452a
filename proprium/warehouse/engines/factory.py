"""The choice of the warehouse's engine, made in this one place."""

from __future__ import annotations

import os
from pathlib import Path

from proprium.warehouse.engine import Engine
from proprium.warehouse.engines.duckdb import DuckDBEngine

Location = str | os.PathLike[str]
"""Where a warehouse lies: the path of a DuckDB file. A second engine adds URLs of its scheme."""


def engine_at(location: Location, memory: str = "512MB", threads: int | None = None) -> Engine:
    """Returns the engine of a warehouse, closed. `memory` and `threads` limit what it may use."""
    return DuckDBEngine(Path(location), memory, threads)
