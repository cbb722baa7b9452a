"""Serialization for other programs: JSON schemas of metrics, CSV, Parquet, and streams of raw events."""
