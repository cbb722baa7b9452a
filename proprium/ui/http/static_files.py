"""Static files, compressed once and kept by browsers for good when their address carries their hash."""

from __future__ import annotations

import gzip
import os
import re
from functools import lru_cache
from pathlib import Path

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

FOLDERS = frozenset({"build", "css", "fonts", "img", "js"})  # of assets/: what anybody may read
COMPRESSIBLE = frozenset({".css", ".js", ".mjs", ".json", ".svg", ".txt"})
MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
_HASHED = re.compile(r"^build/[\w.-]+\.[0-9a-f]{12}\.js$")


def is_immutable(path: str, query: bytes = b"") -> bool:
    """True when the address changes with the content: a hashed name of the build, or `?v=<hash>`."""
    return bool(_HASHED.match(path)) or query.startswith(b"v=")


def encodings(accept: str) -> list[str]:
    """What we can send of what the browser takes, best first. `br;q=0` is a refusal."""
    offered = {}
    for part in accept.lower().split(","):
        name, _, weight = part.strip().partition(";")
        offered[name.strip()] = not re.match(r"\s*q=0(\.0*)?\s*$", weight)
    return [name for name in ("br", "gzip") if offered.get(name)]


class StaticCompressed(StaticFiles):
    """The files under assets/: `.br` and `.gz` beside a file are sent as they are, small ones compressed once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        path = path.replace(os.sep, "/")
        if path.split("/", 1)[0] not in FOLDERS or path.endswith((".br", ".gz")) or "node_modules" in path:
            raise HTTPException(status_code=404)
        response = await super().get_response(path, scope)
        immutable = is_immutable(path, scope.get("query_string", b""))
        response.headers["Cache-Control"] = IMMUTABLE if immutable else REVALIDATE
        if response.status_code != 200 or Path(path).suffix not in COMPRESSIBLE:
            return _typed(response, path)
        response.headers["Vary"] = "Accept-Encoding"
        full_path, _ = self.lookup_path(path)
        for encoding in encodings(Headers(scope=scope).get("accept-encoding", "")):
            body = compressed(full_path, os.stat(full_path).st_mtime_ns, encoding)
            return self._encoded(response, body, encoding, path, scope)
        return _typed(response, path)

    def _encoded(self, plain: Response, body: bytes, encoding: str, path: str, scope: Scope) -> Response:
        kept = {
            name: plain.headers[name] for name in ("Cache-Control", "Vary", "Last-Modified") if name in plain.headers
        }
        headers = {**kept, "Content-Encoding": encoding, "ETag": f'{plain.headers["etag"].rstrip(chr(34))}-{encoding}"'}
        response = _typed(Response(body, headers=headers, media_type=plain.media_type), path)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


@lru_cache(maxsize=512)
def compressed(path: str, changed_ns: int, encoding: str) -> bytes:
    """The file's bytes under that encoding; `changed_ns` makes a changed file a new question."""
    beside = Path(path + (".br" if encoding == "br" else ".gz"))
    if beside.is_file():
        return beside.read_bytes()
    return squeezed(Path(path).read_bytes(), encoding)


def squeezed(content: bytes, encoding: str) -> bytes:
    """As small as it gets without taking long: 0.1 s for NiceGUI's largest file."""
    return brotli.compress(content, quality=9) if encoding == "br" else gzip.compress(content, 9, mtime=0)


def _typed(response: Response, path: str) -> Response:
    # The system's own table of types differs from machine to machine; browsers refuse modules that are text/plain.
    if media_type := MEDIA_TYPES.get(Path(path).suffix):
        charset = "; charset=utf-8" if media_type.startswith("text/") else ""
        MutableHeaders(raw=response.raw_headers)["Content-Type"] = media_type + charset
    return response
