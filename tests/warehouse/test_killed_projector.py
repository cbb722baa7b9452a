"""A warehouse continues after a kill in the middle of a projection or a rebuild."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.test_projector import a_week_of_events, assert_as_rebuilt, assert_same_books


@pytest.mark.parametrize("what", ["follow", "rebuild"])
def test_after_a_kill_in_the_middle_the_books_agree(warehouse: FilledWarehouse, tmp_path: Path, what: str):
    warehouse.store.append(a_week_of_events(count=2_500))
    warehouse.warehouse.close()
    command = [sys.executable, "-m", "tests.warehouse.killed", str(tmp_path), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        time.sleep(random.uniform(0.05, 0.6))
        process.kill()
    assert process.returncode == -9, "it had ended before it was killed"

    warehouse.open()
    warehouse.projector.catch_up()
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)
