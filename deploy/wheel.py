"""Build step of the wheel: adds assets/ and CHANGELOG.md to the package `proprium`, where an installed server looks.

Node is not needed to install a wheel: the chart bundle and the minified script are built before (`make wheel`).
"""

import json
import os
import shutil
from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "assets"
BUILD_INPUTS = ("node_modules", "*.mjs", "package*.json", ".npmrc", "screenshot.png")
"""Files of assets/ that no server reads: what the bundle is built from, and the picture of the README."""


class BuildPackages(build_py):
    """setuptools' build_py, followed by a copy of the files that stand outside of the packages."""

    def run(self) -> None:
        if self.editable_mode:  # an editable installation reads assets/ of the checkout, with or without a bundle
            super().run()
            return
        if not has_bundle() and not os.environ.get("WITHOUT_BUNDLE"):
            raise SetupError(
                "assets/build has no complete chart bundle. Build it with `make bundle` (`make wheel` does both),"
                " or set WITHOUT_BUNDLE=1 to serve NiceGUI's full bundle and the readable script instead."
            )
        super().run()
        package = Path(self.build_lib) / "proprium"
        shutil.rmtree(package / "assets", ignore_errors=True)
        shutil.copytree(ASSETS, package / "assets", ignore=shutil.ignore_patterns(*BUILD_INPUTS))
        shutil.copy2(ROOT / "CHANGELOG.md", package)


def has_bundle() -> bool:
    """Returns True if every file of the bundle's manifest is there, with its compressed variants."""
    folder = ASSETS / "build"
    if not (folder / "manifest.json").is_file():
        return False
    entries = json.loads((folder / "manifest.json").read_text("utf-8")).values()
    return all((folder / f"{entry['file']}{suffix}").is_file() for entry in entries for suffix in ("", ".br", ".gz"))
