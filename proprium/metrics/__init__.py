"""Metrics: definitions and queries over the warehouse, one question per module."""
