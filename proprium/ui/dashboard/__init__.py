"""The cards of the dashboard: fetch off the event loop, draw on it."""
