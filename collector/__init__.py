"""Ingestion: from the bytes of a request to events worth keeping; knows nothing of screens or databases."""
