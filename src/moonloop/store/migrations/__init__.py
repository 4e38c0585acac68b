"""Alembic migrations of the ledger, run from code so that they need no configuration file."""

from pathlib import Path

from sqlalchemy import Connection, text

__all__ = ["migrate", "pending_migration"]

_LOCK = 0x6D6F6F6E
"""Key of the PostgreSQL advisory lock under which one process migrates at a time."""


def migrate(connection: Connection) -> None:
    """Bring the schema to this version's; several processes may try at once, one does it."""
    from alembic import command  # noqa: PLC0415 -- only needed here, and slow to load

    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def pending_migration(connection: Connection) -> str | None:
    """Return a sentence when the schema is older or newer than this version, else None."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 -- as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415 -- as above

    with connection.begin():
        found = MigrationContext.configure(connection).get_current_revision()
    expected = ScriptDirectory.from_config(_config(connection)).get_current_head()
    if found == expected:
        return None
    return f"the ledger is at revision {found or 'none'}, this version needs {expected}"


def _config(connection: Connection):  # noqa: ANN202 -- alembic is loaded late
    from alembic.config import Config  # noqa: PLC0415 -- as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
