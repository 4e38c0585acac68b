"""The Temporal development server: found, fetched or built, and run on a database file of its own."""

from moonloop.embedded.temporal.building import VERSION
from moonloop.embedded.temporal.finding import Search, find_server, server_version
from moonloop.embedded.temporal.server import TemporalServer, free_port, taken

__all__ = ["VERSION", "Search", "TemporalServer", "find_server", "free_port", "server_version", "taken"]
