"""What a job asks of this instrument, checked before anything is computed."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from moonloop.domain.plans import JobSpec
from moonloop.domain.values import Value
from moonloop.lab_adapters.adapter import JobRefused

__all__ = ["PROTOCOL", "QUANTITY", "UNIT", "Parameters", "Request", "request"]

PROTOCOL = "xtb.reduction_potential/1"
QUANTITY = "reduction_potential"
UNIT = "V"


class Parameters(Value):
    """The parameters of the protocol; anything else is refused."""

    method: Literal["GFN2-xTB", "GFN1-xTB"] = "GFN2-xTB"
    """Bannwarth et al., J. Chem. Theory Comput. 15 (2019) 1652, or Grimme et al., 13 (2017) 1989."""
    solvent: Literal["water", "none"] = "water"
    """`water`: implicit water (ALPB), sulfonic acids ionised. `none`: gas phase, sulfonic acids neutral."""
    conformers: Annotated[int, Field(ge=2, le=1000)] = 8
    """Starting structures of each species; the lowest counts. One alone would not show its spread."""
    optimise: bool = False
    """Whether the lowest structure is relaxed with the Hamiltonian itself."""


class Request(Parameters):
    """One calculation: the parameters with the molecule and the seed."""

    smiles: str
    seed: Annotated[int, Field(ge=0)]
    """Drives the conformers."""


def request(spec: JobSpec) -> Request:
    """Return what the spec asks for; raise `JobRefused` with a sentence when this instrument cannot do it."""
    if spec.protocol != PROTOCOL:
        raise JobRefused(f"this robot does {PROTOCOL}, the job asks for {spec.protocol}")
    for measure in spec.measures:
        if (measure.name, measure.unit) != (QUANTITY, UNIT):
            raise JobRefused(
                f"this robot measures {QUANTITY} in {UNIT}, not {measure.name} in {measure.unit}"
            )
    if spec.candidate.smiles is None:
        raise JobRefused("the candidate has no SMILES")
    if taken := sorted({"smiles", "seed"} & set(spec.parameters)):
        raise JobRefused(f"{taken[0]} is not a parameter; it comes from the candidate and the job")
    try:
        return Request.model_validate({**spec.parameters, "smiles": spec.candidate.smiles, "seed": spec.seed})
    except ValidationError as error:
        raise JobRefused(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown parameter {name}; known are {', '.join(Parameters.model_fields)}"
    return f"parameter {name}: {first['msg']}, not {first['input']!r}"
