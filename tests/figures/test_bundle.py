from __future__ import annotations

import json
from pathlib import Path

from plotly.offline import get_plotlyjs, get_plotlyjs_version

from proprium.figures.bundle import ASSETS, built_file, report_script


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
