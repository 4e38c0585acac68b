"""From the ledger's facts to a report that people read: HTML, Markdown and figures."""

from moonloop.report.rendering import Report, render

__all__ = ["Report", "render"]
