"""The browser script as a file to serve: compressed once, with an ETag and a name that changes with its content."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import brotli

SOURCE = Path(__file__).parent / "script" / "collector.js"


class Variant(NamedTuple):
    """The script in one encoding."""

    encoding: bytes  # empty: as it is
    body: bytes


class ScriptFile:
    """The minified script where the build has made one, else its source.

    `build` is the folder of the assets' build: its manifest.json names the file of "collector.js".
    """

    def __init__(self, build_folder: Path | None = None) -> None:
        script_bytes = (_minified_path(build_folder) or SOURCE).read_bytes()
        digest = sha256(script_bytes).hexdigest()[:16]
        self.etag = f'"{digest}"'.encode()
        self.hashed_name = f"/collector.{digest[:12]}.js"
        self.brotli = Variant(b"br", brotli.compress(script_bytes, mode=brotli.MODE_TEXT))
        self.gzip = Variant(b"gzip", gzip.compress(script_bytes, mtime=0))
        self.plain = Variant(b"", script_bytes)

    def variant(self, accept_encoding: bytes) -> Variant:
        """The smallest one that an Accept-Encoding header admits."""
        if b"br" in accept_encoding:
            return self.brotli
        return self.gzip if b"gzip" in accept_encoding else self.plain


def _minified_path(build_folder: Path | None) -> Path | None:
    if build_folder is None or not (manifest := build_folder / "manifest.json").is_file():
        return None
    entry = json.loads(manifest.read_text(encoding="utf-8")).get("collector.js")
    script_path = build_folder / entry["file"] if entry else None
    return script_path if script_path and script_path.is_file() else None
