"""The use cases, together: what an API is built on."""

from dataclasses import dataclass

from moonloop.service.access import Access
from moonloop.service.campaigns import CampaignService
from moonloop.service.exports import ExportService
from moonloop.service.laboratory import IncidentService, LaboratoryService, ReviewService
from moonloop.service.robots import JobService
from moonloop.service.settings import Settings
from moonloop.store import Ledger

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that people, programs and robots may ask for."""

    settings: Settings
    ledger: Ledger
    access: Access
    jobs: JobService
    campaigns: CampaignService
    reviews: ReviewService
    incidents: IncidentService
    laboratory: LaboratoryService
    exports: ExportService
