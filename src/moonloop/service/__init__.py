"""Use cases: commands and queries over the ledger. `wiring` alone knows the concrete parts."""
