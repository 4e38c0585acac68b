"""The ledger: tables, one function per transition, migrations, artifacts, outbox."""

from moonloop.store.ledger import Ledger
from moonloop.store.transaction import Tx

__all__ = ["Ledger", "Tx"]
