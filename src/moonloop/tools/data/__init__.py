"""The campaign's data as tables, and read-only questions in SQL over them."""

from moonloop.tools.data.answers import Rows, query

__all__ = ["Rows", "query"]
