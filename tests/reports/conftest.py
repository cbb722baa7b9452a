"""One content of every kind of report."""

from __future__ import annotations

import os
import shutil

import pytest

from proprium.reports import chromium


@pytest.fixture(scope="session")
def browser() -> str:
    """A real Chromium; tests that print are skipped, with a reason, where there is none."""
    for name in (os.environ.get("PROPRIUM_CHROMIUM", ""), *chromium.PROGRAM_NAMES):
        if name and (path := shutil.which(name)):
            return path
    pytest.skip("No Chromium here: apt install chromium")
