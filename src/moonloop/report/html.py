"""The report as one HTML file."""

import unicodedata
from functools import lru_cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from moonloop.report.blocks import Block, Code, Document, Doi, Inline, Link, Mark, Prose, Strong, Words

__all__ = ["visible", "write"]

_JOINERS = "\u200c\u200d"
"""Characters that letters of some scripts need between them, though nobody sees them."""


def write(document: Document) -> str:
    """Return the whole page; every text in it is escaped."""
    return _template().render(document=document)


def visible(text: str) -> str:
    """Return a text in which nothing can hide, and nothing turn the text after it another way.

    Control characters, and those without a shape, which a model reads and a person does not, are replaced.
    """
    return "".join(
        " "
        if character in "\n\r\t"
        else "\ufffd"
        if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS
        else character
        for character in text
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("moonloop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=_prose, kind=_kind, drawing=_drawing, visible=visible)
    return environment.get_template("report.html.j2")


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _drawing(svg: str) -> Markup:
    # `vector.embed` made it: known elements and attributes only.
    return Markup(svg)  # noqa: S704


def _prose(prose: Prose) -> Markup:
    return Markup("").join(_inline(piece) for piece in prose)


def _inline(piece: Inline) -> Markup:
    match piece:
        case Words(text):
            return escape(visible(text))
        case Strong(text):
            return Markup("<strong>{}</strong>").format(visible(text))
        case Code(text):
            return Markup("<code>{}</code>").format(visible(text))
        case Mark(text):
            return Markup('<span class="mark">{}</span>').format(visible(text))
        case Link(text, anchor, title):
            return _link(visible(text), anchor, visible(title))
        case Doi(name):
            return Markup('<a href="https://doi.org/{}">doi:{}</a>').format(
                quote(name, safe="/"), visible(name)
            )


def _link(text: str, anchor: str, title: str) -> Markup:
    if not title:
        return Markup('<a href="#{}">{}</a>').format(anchor, text)
    return Markup('<a href="#{}" title="{}">{}</a>').format(anchor, title, text)
