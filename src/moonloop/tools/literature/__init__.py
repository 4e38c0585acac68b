"""Literature: an index of the documents that a campaign brings, and what is found in it."""

from moonloop.tools.literature.extracting import LARGEST, Extracted, Page, extract
from moonloop.tools.literature.indexing import Extractor, Source, build_index, index_key
from moonloop.tools.literature.searching import read, search

__all__ = [
    "LARGEST",
    "Extracted",
    "Extractor",
    "Page",
    "Source",
    "build_index",
    "extract",
    "index_key",
    "read",
    "search",
]
