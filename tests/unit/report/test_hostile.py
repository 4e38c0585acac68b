"""Texts that people and robots bring, as markup would have them."""

import re
import sys
import unicodedata
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.proposals import Sentence
from moonloop.report import Report, render
from moonloop.report.blocks import Bullets, Code, Document, Paragraph, Row, Section, Strong, Table, Words, say
from moonloop.report.html import visible
from moonloop.report.markdown import write
from support.agent_facts import thinking
from unit.report import quinones
from unit.report.pages import Page

_HOSTILE = "\"'><script>alert(1)</script></title><img src=x onerror=y>{{7*7}}|`*_[a](javascript:b)$\\frac{"

_OURS = {
    "name", "goal", "owner", "comment", "reason", "failure", "statement", "mechanism", "by", "summary", "why",
    "label", "citation", "stop_reason", "waiting_for", "proposer", "adapter", "policy", "policy_version",
}  # fmt: skip
_CHECKED = {"protocol", "artifacts", "objective", "space", "claim"}
"""Where the domain allows only certain characters, or where names must agree with other places."""

_TEMPLATE = {
    "html", "head", "meta", "link", "title", "style", "body", "header", "main", "section", "nav",
    "aside", "article", "footer", "div", "p", "span", "h1", "h2", "h3", "ol", "ul", "li", "dl", "dt",
    "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "strong", "small", "code",
    "figure", "figcaption",
}  # fmt: skip
_DRAWINGS = {"svg", "g", "defs", "path", "use", "text", "clippath", "rect"}


def _spoilt(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: part if name in _CHECKED else _spoilt(part, name) for name, part in pairs.items()}
    if isinstance(value, list):
        return [_spoilt(part, key) for part in cast("list[Any]", value)]
    if isinstance(value, str) and key in _OURS and value and value != "reduction_potential":
        return (_HOSTILE + value)[:80] if key in ("by", "proposer") else (_HOSTILE + value)[:119]
    return value


@pytest.fixture(scope="module")
def spoilt() -> Report:
    """The report of a campaign in which every free text is hostile."""
    facts = CampaignFacts.model_validate(_spoilt(quinones.campaign().model_dump(mode="json")))
    assert facts.spec.name.startswith(_HOSTILE)
    assert facts.incidents[0].reason.startswith(_HOSTILE)
    return render(facts)


def test_no_text_becomes_an_element(spoilt: Report) -> None:
    """The page of hostile facts has the elements of the template and of the drawings, and no others."""
    page = Page(spoilt.html)
    allowed = _TEMPLATE | _DRAWINGS
    assert {name for name, _ in page.tags} <= allowed
    assert [given for _, given in page.tags if any(name.startswith("on") for name in given)] == []
    assert {link[:1] for link in page.links if not link.startswith("https://doi.org/")} == {"#"}


def test_the_text_is_shown_as_it_stands(spoilt: Report) -> None:
    """Nothing is evaluated and nothing is lost: the reader sees what was written."""
    page = Page(spoilt.html)
    assert _HOSTILE in page.text
    assert "{{7*7}}" in page.text


def test_markdown_keeps_hostile_text_as_text(spoilt: Report) -> None:
    """A CommonMark reader finds no element but our anchors, no image, and no link that leaves the file."""
    tokens = MarkdownIt("commonmark").enable("table").parse(spoilt.markdown)
    inline = [child for token in tokens for child in token.children or []]
    markup = {child.content for child in inline if child.type == "html_inline"}
    assert {text for text in markup if text != "</a>" and not text.startswith('<a id="')} == set()
    assert [
        token.content for token in tokens if token.type == "html_block" and "script" in token.content
    ] == []
    assert [child for child in inline if child.type == "image"] == []
    targets = {str(child.attrs["href"]) for child in inline if child.type == "link_open"}
    assert {target for target in targets if target[0] != "#" and "doi.org/" not in target} == set()


def _document(text: str) -> Document:
    table = Table(say("c"), ("head",), (Row((say(Words(text)),), below=say(Code(text))),))
    blocks = (Paragraph(say(text)), Bullets((say(Strong("b"), " ", text),)), table)
    return Document("t", (), (), (), (Section("s", "S", blocks),), ())


_HIDDEN = {
    sign for sign in map(chr, range(sys.maxunicode)) if unicodedata.category(sign) in ("Cc", "Cf", "Cs")
} - {"\u200c", "\u200d"}
"""All but the two joiners, which some scripts need."""
_TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: text.strip())


@given(_TEXTS)
def test_any_text_survives_markdown(text: str) -> None:
    """Whatever is written in words, in a cell or as code, a CommonMark reader reads the same."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(write(_document(text)))
    read = ["".join(_text(child) for child in token.children or []) for token in tokens if token.children]
    words = " ".join(visible(text).replace("\N{MINUS SIGN}", "-").split())
    code = " ".join(visible(text).split())
    expected = ["t", "S", "S", words, f"b {words}", "c", "head", "Notes", words, code]
    assert expected == [" ".join(part.split()) for part in read if part.strip()]


def _text(token: Token) -> str:
    return token.content if token.type in ("text", "code_inline", "text_special") else ""


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_nothing_hides_in_a_text(text: str) -> None:
    """Control characters, marks that turn the reading direction and unseen tags do not reach the reader."""
    assert set(visible(text + "\n\r\0\u202e\u2066\u200b\U000e0041")).isdisjoint(_HIDDEN)


@pytest.mark.parametrize(("value", "uncertainty"), [(1e100, 1e100), (-1e100, 5e-324), (5e-324, 1e100)])
def test_the_largest_and_the_smallest_numbers_are_drawn(value: float, uncertainty: float) -> None:
    """What the job service takes for a number keeps no report from being written and drawn."""
    facts = quinones.campaign().model_dump(mode="json")
    found = [item for cycle in facts["cycles"] for job in cycle["jobs"] for item in job["measurements"]]
    for item in found[::4]:
        item.update(value=value, uncertainty=uncertainty)

    drawings = render(CampaignFacts.model_validate(facts)).html.partition("<svg")[2]

    assert drawings
    assert not {"nan", "inf"} & set(re.findall(r"[a-z]+", "".join(re.findall(r' d="([^"]*)"', drawings))))


def _spoilt_by_a_model(value: Any, key: str = "") -> Any:
    """Spoil what models write: decisions, reasons, claims and the names under which endpoints answer."""
    written = {"statement", "mechanism", "why", "text", "evidence", "proposer"}
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _spoilt_by_a_model(part, name) for name, part in pairs.items()}
    if isinstance(value, list):
        return [_spoilt_by_a_model(part, key) for part in cast("list[Any]", value)]
    if isinstance(value, str) and key in written and value != "-":
        return (f"proposer/{_HOSTILE}@12345678" if key == "proposer" else _HOSTILE + value)[:80]
    return value


@pytest.fixture(scope="module")
def hostile_model() -> Report:
    """The report of a campaign whose agents write markup wherever they may write at all."""
    sentences = (Sentence(text="The nitriles stand out."), Sentence(text="It ran {cycles} cycles."))
    facts = thinking(quinones.campaign(cycles=4), sentences=sentences)
    return render(CampaignFacts.model_validate(_spoilt_by_a_model(facts.model_dump(mode="json"))))


def test_a_model_cannot_write_markup(hostile_model: Report) -> None:
    """Its words are text on the page and in Markdown: no element, no handler, no image, no link outside."""
    page = Page(hostile_model.html)
    assert _HOSTILE[:70] in page.text
    assert {name for name, _ in page.tags} <= _TEMPLATE | _DRAWINGS
    assert [given for _, given in page.tags if any(name.startswith("on") for name in given)] == []
    assert {link[:1] for link in page.links if not link.startswith("https://doi.org/")} == {"#"}
    test_markdown_keeps_hostile_text_as_text(hostile_model)


def test_an_agent_s_name_is_drawn_as_text(hostile_model: Report) -> None:
    """A legend has it without becoming markup or a formula."""
    assert "figure-agent-shares" in hostile_model.html
    assert "<script>" not in hostile_model.html
