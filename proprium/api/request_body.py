"""Bodies of API requests: read within a limit."""

from __future__ import annotations

from starlette.requests import Request

from collector.errors import PayloadTooLarge


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Reads the request body. Raises PayloadTooLarge before more than the limit is held in memory."""
    content_length = request.headers.get("content-length", "")
    if content_length.isdigit() and (len(content_length) > 9 or int(content_length) > max_bytes):
        raise PayloadTooLarge(f"The body is too large; expected at most {max_bytes} bytes.")
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise PayloadTooLarge(f"The body is too large; expected at most {max_bytes} bytes.")
    return b"".join(chunks)
