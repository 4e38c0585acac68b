"""Alembic's environment: the connection is handed in, the transaction is the caller's."""

from alembic import context

from moonloop.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
