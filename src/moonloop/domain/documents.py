"""Documents: what a campaign brings for its agents to read."""

from typing import Literal

from moonloop.domain.ids import Name, Sha256
from moonloop.domain.values import Value

__all__ = ["Document"]


class Document(Value):
    """A text that the campaign brings for its agents to read; its bytes are an artifact."""

    name: Name
    """What it is cited as."""
    sha256: Sha256
    """Of its bytes; in a file on disk give `path` instead, and the CLI brings the bytes."""
    media_type: Literal["application/pdf", "text/plain", "text/markdown", "application/x-bibtex"]
    """What the bytes are."""
