"""A warehouse file that many random examples share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proprium.warehouse.warehouse import Warehouse, open_warehouse


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Empty it before use: opening one for each example takes too long."""
    warehouse = open_warehouse(tmp_path_factory.mktemp("scratch") / "warehouse.duckdb", memory="256MB", threads=1)
    yield warehouse
    warehouse.close()
