"""Every tool there is, in a fixed order."""

from collections.abc import Mapping

from moonloop.tools.asking import arguments as a
from moonloop.tools.asking.offer import Policy, Tool

__all__ = ["TOOLS"]

_SLOW = Policy(seconds=180.0)
"""A large space takes a while when it is first looked at."""

_TABLES = (
    "Tables: campaign(name, goal, objective, unit, direction, low, high, target, cycle, experiments_left); "
    "factors(factor, kind, unit, low, high, step); levels(factor, level, number, smiles); "
    "runs(job_id, cycle, place, purpose, label, candidate, smiles, outcome, value, sd, measurement_id, "
    "expected_mean, expected_sd, hypothesis_id, block, arm, suggested_by, suggested_probability); "
    "settings(job_id, factor, level, number); "
    "measurements(measurement_id, job_id, cycle, purpose, candidate, value, sd); "
    "claims(hypothesis_id, kind, factor, level_a, level_b, delta, statement, mechanism, probability, "
    "proposer, registered_in); evidence(hypothesis_id, verdict, e_support, e_refute, threshold, n, failed, "
    "estimate, low, high, projected); evidence_measurements(hypothesis_id, measurement_id); "
    "constraints(name, kind, low, high, smarts, why); literature_values(name, smiles, value, citation); "
    "wide: measurements with one more column per factor, named as the factor is. "
    "purpose is test, explore, pick, confirmation or reference."
)

_ALL = (
    Tool(
        "chemistry_describe",
        "Say whether SMILES are valid, and give canonical SMILES, descriptors (log P, polar surface, "
        "estimated log solubility in mol/L, ...) and the synthetic accessibility score (1 easy to 10 hard).",
        a.Describe,
        "molecules",
    ),
    Tool(
        "chemistry_similarity",
        "Rank molecules by Tanimoto similarity to a query (Morgan fingerprints of radius 2), with the "
        "value measured where there is one.",
        a.Similarity,
        "molecules",
        _SLOW,
    ),
    Tool(
        "chemistry_substructure",
        "Find a SMARTS in molecules: how often it matches, and which atoms.",
        a.Substructure,
        "molecules",
        _SLOW,
    ),
    Tool(
        "chemistry_draw",
        "Draw a molecule as SVG.",
        a.Draw,
        "molecules",
        Policy(characters=100_000),
    ),
    Tool(
        "chemistry_enumerate",
        "Put every combination of substituents on a scaffold; return the distinct molecules.",
        a.Enumerate,
        "molecules",
    ),
    Tool(
        "data_query",
        "Ask the campaign's data with one SELECT statement in SQLite's dialect; stdev() and median() are "
        "there besides the usual functions. Read-only; at most 100 rows. " + _TABLES,
        a.Query,
        "campaign",
    ),
    Tool(
        "statistics_fit",
        "Fit a polynomial of a numeric factor to the measured values of the search, with 95 % intervals. "
        "Exploratory: not a verdict.",
        a.Fit,
        "campaign",
    ),
    Tool(
        "statistics_compare",
        "Compare the measured values of the runs at two levels of a factor: means, difference, Welch's 95 % "
        "interval. Exploratory: the runs were not drawn for the comparison, and it is not a verdict.",
        a.Compare,
        "campaign",
    ),
    Tool(
        "statistics_evidence",
        "Report the registered claims with their verdicts and evidence, as the ledger has them.",
        a.EvidenceOf,
        "campaign",
    ),
    Tool(
        "designer_predict",
        "Predict the value of candidates, run or not: mean and standard deviation by the surrogate.",
        a.Predict,
        "campaign",
        _SLOW,
    ),
    Tool(
        "designer_best",
        "List the best measured candidates, and those not run yet of which the surrogate expects the "
        "largest improvement.",
        a.Best,
        "campaign",
        _SLOW,
    ),
    Tool(
        "literature_search",
        "Search the campaign's documents; passages come back with an id that can be cited, the document "
        "and the page.",
        a.Literature,
        "documents",
    ),
    Tool(
        "literature_read",
        "Read a passage of the campaign's documents by its id, with those around it.",
        a.Read,
        "documents",
    ),
    Tool(
        "literature_online",
        "Search a public index of publications (OpenAlex or Europe PMC): titles and abstracts.",
        a.Online,
        "network",
        Policy(queue="network", idempotent=False),
    ),
)

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""The tools by name."""
