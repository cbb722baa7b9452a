"""Event ingestion: parses, filters and enriches requests into events. Depends on neither the UI nor a database."""
