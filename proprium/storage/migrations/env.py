"""Alembic environment: runs migrations on the connection and in the transaction of storage.migrate."""

from alembic import context
from sqlmodel import SQLModel

import proprium.storage.tables  # noqa: F401  registers the tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
