"""The one entry: facts in, report out; nothing else is read, so the same facts give the same bytes."""

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.values import Value

__all__ = ["Report", "render"]


class Report(Value):
    """A campaign's report."""

    html: str
    """One self-contained page: no script, no request, figures as inline SVG."""
    markdown: str
    """The same text and tables; the numbers of the figures stand in the tables."""


def render(facts: CampaignFacts) -> Report:
    """Return the report of a campaign in any state; the same facts give the same bytes."""
    # Figures and structures need matplotlib and RDKit; a server that makes no report does not load them.
    from moonloop.report import document, html, markdown  # noqa: PLC0415

    composed = document.compose(facts)
    return Report(html=html.write(composed), markdown=markdown.write(composed))
