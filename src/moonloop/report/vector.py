"""Drawings made safe to stand inside the page: known elements and attributes only, ids that cannot clash."""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

__all__ = ["embed"]

_ELEMENTS = frozenset({"a", "clipPath", "defs", "ellipse", "g", "path", "rect", "svg", "text", "use"})
_ATTRIBUTES = frozenset({"clip-path", "d", "height", "transform", "viewBox", "width", "x", "y"})
_STYLES = re.compile(
    r"^(fill|stroke|opacity|clip|text-anchor|font-size|font-weight|font-style)[a-z-]*$", re.ASCII
)
_LOCAL_URL = re.compile(r"url\(#([\w-]+)\)")


def embed(svg: str, prefix: str, titles: Mapping[str, str] | None = None) -> str:
    """Return an SVG as markup to put into a page.

    Ids get the prefix; links may lead to anchors of the page only, and get the title that `titles` holds
    for their anchor. Scripts, styles, images, comments and everything else that is not a plain drawing is
    left out, so that nothing in a drawing can act.
    """
    # The drawings come from this process's own drawing code, not from outside.
    root = ET.fromstring(svg)  # noqa: S314
    ids = {node.get("id", "") for node in root.iter()}
    clean = _Cleaner(prefix, ids, titles or {}).cleaned(root)
    if clean is None:
        return ""
    clean.set("focusable", "false")
    clean.set("aria-hidden", "true")
    return ET.tostring(clean, encoding="unicode")


class _Cleaner:
    def __init__(self, prefix: str, ids: set[str], titles: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._ids = ids
        self._titles = titles

    def cleaned(self, node: ET.Element) -> ET.Element | None:
        name = _local(node.tag)
        if name not in _ELEMENTS:
            return None
        clean = ET.Element(name, dict(self._attributes(node)))
        clean.text = _flat(node.text)
        if name == "a":
            self._describe(clean)
        for child in node:
            kept = self.cleaned(child)
            if kept is not None:
                kept.tail = _flat(child.tail)
                clean.append(kept)
        return clean

    def _describe(self, link: ET.Element) -> None:
        # The same links stand in the tables; the keyboard need not visit each point of a figure.
        link.set("tabindex", "-1")
        title = self._titles.get(link.get("href", "").removeprefix("#"))
        if title:
            ET.SubElement(link, "title").text = title

    def _attributes(self, node: ET.Element) -> Iterator[tuple[str, str]]:
        for key, value in node.attrib.items():
            name = _local(key)
            if name == "href" and value.startswith("#"):
                yield name, f"#{self._renamed(value[1:])}"
            elif name == "id":
                yield name, self._renamed(value)
            elif name == "style":
                yield name, self._declarations(value)
            elif name in _ATTRIBUTES and name != "href":
                yield name, self._referring(" ".join(value.split()))

    def _declarations(self, style: str) -> str:
        pairs = (part.partition(":") for part in style.split(";"))
        kept = [f"{name.strip()}:{value.strip()}" for name, _, value in pairs if _STYLES.match(name.strip())]
        return self._referring(";".join(kept))

    def _referring(self, value: str) -> str:
        return _LOCAL_URL.sub(lambda match: f"url(#{self._renamed(match[1])})", value)

    def _renamed(self, name: str) -> str:
        return f"{self._prefix}-{name}" if name in self._ids else name


def _local(name: object) -> str:
    # Comments and processing instructions have a function for a tag.
    return name.rsplit("}", 1)[-1] if isinstance(name, str) else ""


def _flat(text: str | None) -> str | None:
    return None if text is None or not text.strip() else text
