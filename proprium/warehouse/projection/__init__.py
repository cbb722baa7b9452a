"""Projection: keeps the warehouse in sync with storage."""
