"""Event ingestion: parses, filters and enriches requests into events.

Independent of the UI and of databases.
"""
