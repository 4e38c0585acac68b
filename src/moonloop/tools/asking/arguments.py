"""The arguments of every tool."""

from typing import Annotated, Literal

from pydantic import Field

from moonloop.tools.asking.offer import Arguments

__all__ = [
    "Asked",
    "Best",
    "Compare",
    "Describe",
    "Draw",
    "Enumerate",
    "EvidenceOf",
    "Fit",
    "Level",
    "Literature",
    "Online",
    "Predict",
    "Query",
    "Read",
    "Similarity",
    "Substructure",
]

Smiles = Annotated[str, Field(min_length=1, max_length=400)]
Word = Annotated[str, Field(min_length=1, max_length=120)]


class Describe(Arguments):
    """Which molecules to describe."""

    smiles: Annotated[list[Smiles], Field(min_length=1, max_length=10)]
    """The molecules, as SMILES."""


class Similarity(Arguments):
    """What to compare with what."""

    query: Smiles
    """The molecule that others are compared with."""
    among: Annotated[list[Smiles], Field(max_length=50)] = []
    """The molecules to compare; leave it empty for the candidates of the campaign."""
    limit: Annotated[int, Field(ge=1, le=20)] = 10
    """How many of the most similar to return."""


class Substructure(Arguments):
    """What to look for, and where."""

    smarts: Annotated[str, Field(min_length=1, max_length=200)]
    """The substructure, as SMARTS."""
    smiles: Annotated[list[Smiles], Field(max_length=20)] = []
    """The molecules to look in; leave it empty for the candidates of the campaign."""


class Draw(Arguments):
    """Which molecule to draw."""

    smiles: Annotated[str, Field(min_length=1, max_length=200)]
    """The molecule, as SMILES."""


class Enumerate(Arguments):
    """What to put together."""

    scaffold: Smiles
    """The core, with its attachment points written [*:1], [*:2] and so on."""
    substituents: Annotated[list[Smiles], Field(min_length=1, max_length=20)]
    """The groups, each with one attachment point [*]."""
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    """How many molecules to return at most."""


class Query(Arguments):
    """A question in SQL."""

    sql: Annotated[str, Field(min_length=1, max_length=2000)]
    """One SELECT statement of SQLite."""


class Fit(Arguments):
    """Which curve to fit."""

    factor: Word
    """A numeric factor: the x of the fit; y is the measured value."""
    degree: Annotated[int, Field(ge=1, le=3)] = 1
    """1 for a straight line, 2 for a parabola, 3 for a cubic."""
    where_factor: Annotated[str, Field(max_length=120)] = ""
    """Use only runs in which this factor is at `where_level`; empty for all runs."""
    where_level: Annotated[str, Field(max_length=120)] = ""
    """The level of `where_factor`, as it is written in the data."""


class Compare(Arguments):
    """Which two groups of runs to compare."""

    factor: Word
    """The factor that tells the groups apart; `substituent` for a group at any position of a molecule."""
    level_a: Word
    """The level of the first group."""
    level_b: Word
    """The level of the second group."""


class EvidenceOf(Arguments):
    """Which claims to report on."""

    hypothesis_id: Annotated[str, Field(max_length=80)] = ""
    """The id of one claim (hyp_...); empty for all of them."""


class Level(Arguments):
    """A factor and its level."""

    factor: Word
    level: Word
    """As it is written in the data; numbers too are given as text."""


class Asked(Arguments):
    """One candidate: by its SMILES where the candidates are molecules, otherwise by its settings."""

    smiles: Annotated[str, Field(max_length=400)] = ""
    """Empty where candidates are settings."""
    settings: Annotated[list[Level], Field(max_length=40)] = []
    """A level for every factor; empty where `smiles` is given."""


class Predict(Arguments):
    """Which candidates to predict."""

    candidates: Annotated[list[Asked], Field(min_length=1, max_length=10)]


class Best(Arguments):
    """How many to list."""

    limit: Annotated[int, Field(ge=1, le=20)] = 5
    """Of the best measured, and of the most promising that were not run."""


class Literature(Arguments):
    """What to look for in the campaign's documents."""

    query: Annotated[str, Field(min_length=1, max_length=300)]
    """Words to look for; "a phrase" in quotation marks, OR between alternatives."""
    limit: Annotated[int, Field(ge=1, le=8)] = 4
    """How many passages to return."""


class Read(Arguments):
    """Where to read."""

    passage: Annotated[str, Field(min_length=1, max_length=40)]
    """The id of a passage (lit_...), as a search returned it."""
    before: Annotated[int, Field(ge=0, le=2)] = 0
    """How many passages before it to read too."""
    after: Annotated[int, Field(ge=0, le=3)] = 1
    """How many passages after it to read too."""


class Online(Arguments):
    """What to look for in a public index of publications."""

    source: Literal["openalex", "europe_pmc"]
    query: Annotated[str, Field(min_length=1, max_length=200)]
    """Words to look for. They leave this laboratory: name nothing that is confidential."""
    limit: Annotated[int, Field(ge=1, le=5)] = 3
    """How many publications to return."""
