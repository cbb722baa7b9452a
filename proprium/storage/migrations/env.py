"""What Alembic runs: on the connection, and in the transaction, that storage.migrate hands it."""

from alembic import context
from sqlmodel import SQLModel

import proprium.storage.tables  # noqa: F401  fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
