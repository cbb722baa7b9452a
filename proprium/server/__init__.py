"""Server: composition of the applications, uvicorn, health checks, control socket, scheduled jobs."""
