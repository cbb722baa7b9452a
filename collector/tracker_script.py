"""The tracker script (collector.js) as a precompressed static file.

It has an ETag and a content-hashed name.
"""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import brotli

SOURCE = Path(__file__).parent / "script" / "collector.js"


class Variant(NamedTuple):
    """The script in one content encoding."""

    encoding: bytes  # empty: identity
    body: bytes


class ScriptFile:
    """Loads the minified script from the asset build, else the source.

    `build_folder` is the output folder of the asset build; its manifest.json maps "collector.js" to a file.
    """

    def __init__(self, build_folder: Path | None = None) -> None:
        script_path = SOURCE
        if build_folder and (manifest := build_folder / "manifest.json").is_file():
            entry = json.loads(manifest.read_text(encoding="utf-8")).get("collector.js")
            if entry and (minified_path := build_folder / entry["file"]).is_file():
                script_path = minified_path
        script_bytes = script_path.read_bytes()
        digest = sha256(script_bytes).hexdigest()[:16]
        self.etag = f'"{digest}"'.encode()
        self.hashed_name = f"/collector.{digest[:12]}.js"
        self.brotli = Variant(b"br", brotli.compress(script_bytes, mode=brotli.MODE_TEXT))
        self.gzip = Variant(b"gzip", gzip.compress(script_bytes, mtime=0))
        self.plain = Variant(b"", script_bytes)

    def variant(self, accept_encoding: bytes) -> Variant:
        """Returns the smallest variant that an Accept-Encoding header accepts."""
        if b"br" in accept_encoding:
            return self.brotli
        return self.gzip if b"gzip" in accept_encoding else self.plain
