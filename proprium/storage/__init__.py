"""Storage: the SQLite database that is the source of truth for every event, setting and account."""
