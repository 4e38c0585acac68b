"""Why a calculation gives no number, in the words that go into the report."""

__all__ = ["NotConverged", "Unsuitable"]


class Unsuitable(Exception):
    """The molecule cannot be treated by this protocol."""


class NotConverged(Exception):
    """An iteration did not reach its end, or reached another molecule."""
