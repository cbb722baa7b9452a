"""The projection: turns stored events into warehouse rows and sessions, and keeps the warehouse in sync."""
