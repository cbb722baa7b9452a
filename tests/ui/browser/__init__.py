"""Tests of the dashboard in a real browser; in each worker they share a server and a Chromium (see conftest.py)."""
