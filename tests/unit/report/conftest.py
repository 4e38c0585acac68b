"""Reports that several tests read; each is rendered once."""

import pytest

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.reviews import DeciderKind
from moonloop.report import Report, render
from unit.report import factors, quinones
from unit.report.pages import Page


@pytest.fixture(scope="session")
def done() -> CampaignFacts:
    """A quinone campaign that ran to its end, with nobody present."""
    return quinones.campaign(decider=DeciderKind.UNATTENDED)


@pytest.fixture(scope="session")
def report(done: CampaignFacts) -> Report:
    """The report of it."""
    return render(done)


@pytest.fixture(scope="session")
def page(report: Report) -> Page:
    """The page of it."""
    return Page(report.html)


@pytest.fixture(scope="session")
def simulated() -> CampaignFacts:
    """A simulated campaign over plain factors."""
    return factors.campaign()
