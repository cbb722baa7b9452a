"""The browser script as a file to serve: compressed once, with an ETag and a name that changes with its content."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import brotli

SOURCE = Path(__file__).parent / "script" / "collector.js"
MINIFIED = "collector.min.js"


class Variant(NamedTuple):
    """The script in one encoding."""

    encoding: bytes  # empty: as it is
    body: bytes


class ScriptFile:
    """The minified script where the build has made one, else its source."""

    def __init__(self, folder: Path | None = None) -> None:
        minified = folder / MINIFIED if folder else None
        plain = (minified if minified and minified.is_file() else SOURCE).read_bytes()
        digest = sha256(plain).hexdigest()[:16]
        self.etag = f'"{digest}"'.encode()
        self.hashed_name = f"/collector.{digest[:12]}.js"
        self.brotli = Variant(b"br", brotli.compress(plain, mode=brotli.MODE_TEXT))
        self.gzip = Variant(b"gzip", gzip.compress(plain, mtime=0))
        self.plain = Variant(b"", plain)

    def variant(self, accepted: bytes) -> Variant:
        """The smallest one that an Accept-Encoding header admits."""
        if b"br" in accepted:
            return self.brotli
        return self.gzip if b"gzip" in accepted else self.plain
