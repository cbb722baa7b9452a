"""Composition and HTTP: builds the applications, runs uvicorn, health, control socket, scheduled jobs."""
