"""Which role is offered which tools, in a fixed order, so that prompts keep their prefix."""

from collections.abc import Mapping, Sequence

from moonloop.agents.ports import ToolSpec
from moonloop.domain.agents import Role
from moonloop.domain.campaigns import CampaignSpec
from moonloop.domain.space import CategoricalFactor, RGroupSpace
from moonloop.tools.asking import TOOLS, Tool, strict_schema

__all__ = ["OFFERS", "offered", "spec_of"]

_CHEMISTRY = (
    "chemistry_describe",
    "chemistry_similarity",
    "chemistry_substructure",
    "chemistry_enumerate",
)
_DATA = ("data_query",)
_STATISTICS = ("statistics_fit", "statistics_compare", "statistics_evidence")
_DESIGNER = ("designer_predict", "designer_best")
_LITERATURE = ("literature_search", "literature_read", "literature_online")

OFFERS: Mapping[Role, tuple[str, ...]] = {
    Role.PROPOSER: (*_LITERATURE, *_DATA, *_CHEMISTRY, *_STATISTICS),
    Role.CRITIC: (*_DATA, *_LITERATURE, *_STATISTICS),
    Role.ADVISOR: (*_DESIGNER, *_CHEMISTRY, *_DATA),
    Role.ANALYST: (*_DATA, *_STATISTICS, *_CHEMISTRY, *_DESIGNER),
    Role.REPORTER: (),
}
"""Names by role. The reporter writes from facts that are given to it."""


def offered(role: Role, spec: CampaignSpec, *, documents: bool, network: bool) -> Sequence[Tool]:
    """Return a role's tools in a campaign.

    Args:
        role: Who asks.
        spec: What its campaign has: molecules, and documents.
        documents: Whether the index of documents can be had here.
        network: Whether the operator lets tools ask public indexes.
    """
    there = {"nothing", "campaign"}
    there |= {"molecules"} if _has_molecules(spec) else set()
    there |= {"documents"} if documents and spec.documents else set()
    there |= {"network"} if network else set()
    return tuple(TOOLS[name] for name in OFFERS[role] if TOOLS[name].needs in there)


def spec_of(tool: Tool) -> ToolSpec:
    """Return a tool as a model is shown it."""
    return ToolSpec(tool.name, tool.description, strict_schema(tool.arguments))


def _has_molecules(spec: CampaignSpec) -> bool:
    space = spec.space
    return isinstance(space, RGroupSpace) or any(
        isinstance(factor, CategoricalFactor) and factor.substances for factor in space.factors
    )
