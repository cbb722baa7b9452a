"""Warehouse engines: one module per columnar database."""
