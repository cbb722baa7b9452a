"""The HTTP API for other programs, mounted at /api/v1."""
