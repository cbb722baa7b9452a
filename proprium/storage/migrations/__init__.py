"""Alembic migrations of the storage schema, one file each in `versions`."""
