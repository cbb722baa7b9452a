from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import brotli
import pytest
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from proprium.config import ASSETS
from proprium.figures.bundle import built_file, report_script


def test_the_bundle_is_of_the_version_that_the_python_package_targets() -> None:
    package = json.loads((ASSETS / "js" / "package.json").read_text("utf-8"))
    assert package["devDependencies"]["plotly.js"] == get_plotlyjs_version()


def test_the_lock_file_names_no_registry() -> None:
    locked = json.loads((ASSETS / "js" / "package-lock.json").read_text("utf-8"))
    assert not [name for name, entry in locked["packages"].items() if "resolved" in entry]
    assert all("integrity" in entry for name, entry in locked["packages"].items() if name)


def test_without_a_build_the_stock_script_is_used(tmp_path: Path) -> None:
    assert built_file("plotly.js", tmp_path) is None
    assert report_script(tmp_path) == get_plotlyjs()


def test_a_manifest_that_names_a_missing_file_counts_as_no_build(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "manifest.json").write_text('{"plotly.js": {"file": "plotly.0123456789ab.js"}}')
    assert built_file("plotly.js", tmp_path) is None


@pytest.mark.parametrize(("name", "most_bytes"), [("plotly.js", 440_000), ("collector.js", 3_000)])
def test_what_browsers_load_stays_small(name: str, most_bytes: int) -> None:
    built = built_file(name)
    if built is None:
        pytest.skip("assets/build was not built: it needs Node")
    assert len(built.with_name(f"{built.name}.br").read_bytes()) < most_bytes


@pytest.mark.parametrize("name", ["plotly.js", "plotly.report.js", "collector.js"])
def test_each_built_file_is_what_its_compressed_forms_hold(name: str) -> None:
    built = built_file(name)
    if built is None:
        pytest.skip("assets/build was not built: it needs Node")
    content = built.read_bytes()
    assert brotli.decompress(built.with_name(f"{built.name}.br").read_bytes()) == content
    assert gzip.decompress(built.with_name(f"{built.name}.gz").read_bytes()) == content
    assert hashlib.sha256(content).hexdigest()[:12] in built.name
