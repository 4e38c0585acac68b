"""Figures of a narrative: printed by code, each with its source; and sentences that may name nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonloop.domain.facts import CampaignFacts
from moonloop.domain.figures import PLACEHOLDER, Figure, figures_of, spread
from moonloop.domain.ids import measurement_id
from moonloop.domain.sentences import fault_of, known_names
from unit.report import factors, quinones

BEST = "solvent=DMF, temperature=80"


def facts() -> CampaignFacts:
    """Return a campaign at its end, with the best that the ledger knows."""
    made = factors.campaign()
    best = {"best_key": BEST, "best_value": 2.3462}
    return made.model_copy(update={"summary": made.summary.model_copy(update=best)})


FACTS = facts()
FIGURES = figures_of(FACTS)
NAMES = known_names(quinones.spec())


def test_the_best_is_printed_with_its_unit_and_its_measurements() -> None:
    """The value to a thousandth of the declared range; its sources are the routine runs of that candidate."""
    runs = [
        (run.candidate.key, measured)
        for cycle in FACTS.cycles
        if cycle.plan
        for run, job in zip(cycle.plan.plan.runs, cycle.jobs, strict=True)
        for measured in job.measurements
    ]
    sources = tuple(measured.id for key, measured in runs if key == BEST)
    assert sources
    expected = Figure(text="2.35\N{NO-BREAK SPACE}%", meaning="the best routine value", measurements=sources)
    assert expected == FIGURES["best.value"]
    assert BEST == FIGURES["best.candidate"].text
    assert "80" == FIGURES["best.setting.temperature"].text


def test_counts_are_those_of_the_ledger() -> None:
    """Cycles, experiments, runs, claims and budgets."""
    printed = {name: FIGURES[name].text for name in ("cycles", "experiments.done", "runs.measured")}
    done = str(FACTS.summary.experiments_done)
    assert {"cycles": "3", "experiments.done": done, "runs.measured": done} == printed
    assert done == FIGURES["budget.experiments.spent"].text
    assert "1" == FIGURES["claims.registered"].text


def test_a_verdict_rests_on_what_it_counted() -> None:
    """The estimate names the measurements of the latest evidence."""
    hypothesis = FACTS.hypotheses[0]
    figure = FIGURES[f"verdict.{hypothesis.hypothesis.id}.estimate"]
    assert hypothesis.evidence[-1].measurements == figure.measurements


def test_every_measurement_has_a_figure_that_is_its_own_source() -> None:
    """By its id, with its uncertainty."""
    every = [one for cycle in FACTS.cycles for job in cycle.jobs for one in job.measurements]
    assert every
    for one in every:
        figure = FIGURES[f"measurement.{one.id}"]
        assert (one.id,) == figure.measurements
        assert " ± " in figure.text


def test_every_name_can_be_written_in_braces() -> None:
    """Whatever budgets and factors are called."""
    assert all(PLACEHOLDER.fullmatch(f"{{{name}}}") for name in FIGURES)


def test_a_draft_has_figures_too() -> None:
    """Nothing has been done: nothing but zeros is printed."""
    assert "0" == figures_of(factors.draft())["cycles"].text


def test_a_sentence_is_spread_into_words_and_figures() -> None:
    """In the order of reading; one that names what does not exist is not spread at all."""
    assert ("It took ", FIGURES["cycles"], " cycles.") == spread("It took {cycles} cycles.", FIGURES)
    assert None is spread("It took {days} days.", FIGURES)


@pytest.mark.parametrize(
    "sentence",
    [
        "The best value is {best.value}, found in {cycles} cycles.",
        "Nothing was confirmed.",
        "1,4-Benzoquinone did better than 1,2-benzoquinone with CF3 or NO2.",
        "Runs by xtb.reduction_potential/1 were compared with 2-methyl-1,4-benzoquinone.",
        "Someone should repeat the often doubtful tense runs (see {runs.failed}).",
        "Pd(II) was oxidised to Pd(IV), as I said of plan B: see water/ethanol.",
        "The naïve catalyst and the Ångström scale say nothing.",
    ],
)
def test_words_names_and_figures_may_be_printed(sentence: str) -> None:
    """Digits in the names of the campaign are no figures."""
    assert "" == fault_of(sentence, FIGURES, NAMES)


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("The yield was 97 %.", "it has a digit"),
        ("The yield was ９７ %.", "it has a digit"),
        ("The yield was ٩٧.", "it has a digit"),
        ("It rose by ½.", "it has a digit"),
        ("The area is m².", "it has a digit"),
        ("Ⅳ of them failed.", "it has a digit"),
        ("三 of them failed.", "it has a digit"),
        ("CF33 did well.", "it has a digit"),
        ("1,4-benzoquinones 7 did well.", "it has a digit"),
        ("Twenty-five failed.", '"twenty"'),
        ("Fortyfive failed.", '"fortyfive"'),
        ("It rose tenfold.", '"tenfold"'),
        ("It doubled.", '"doubled"'),
        ("Two thirds failed.", '"two"'),
        ("ＮＩＮＥＴＹ failed.", '"ninety"'),
        ("Nіnеty failed.", '"ninety"'),  # with Cyrillic letters
        ("It rose thrée times.", '"three"'),
        ("Ninéty percent failed.", '"ninety"'),
        ("Nın\u034fety ØNE failed.", '"ninety"'),
        ("It has t.e.n runs.", '"ten"'),
        ("It has T e n runs.", '"ten"'),
        ("It has a t-e-n of them.", '"ten"'),
        ("It has t. e. n. runs.", '"ten"'),
        ("For-ty failed.", '"forty"'),
        ("It has a IV in it.", '"IV"'),
        ("It rose (XII) times.", '"XII"'),
        ("ХІІ of them failed.", '"XII"'),  # with Cyrillic letters
        ("It rose(IV) times.", '"IV"'),
        ("Nine\u200bty failed.", "invisible"),
        ("A line\nand a {cycles}.", "invisible"),
        ("It is {best.guess}.", "{best.guess} is none of the figures"),
        ("It is -{best.value}.", "must stand free"),
        ("It is {best.value}k.", "must stand free"),
        ("It is {cycles}{cycles}.", "must stand free"),
        ("It is {cycles", "a brace"),
        ("It is {{cycles}}.", "must stand free"),
        ("It is {0}.", "a brace"),
        ("It is {cycles!r}.", "a brace"),
    ],
)
def test_a_number_of_its_own_is_found(sentence: str, fault: str) -> None:
    """In whatever script, as a word, hidden, or made out of a figure."""
    assert fault in fault_of(sentence, FIGURES, NAMES)


def test_a_quantity_is_no_name() -> None:
    """A level that is nothing but a number with a unit would let any sentence use the number."""
    levels = ["40 Cel", "12", "twenty", "5 %", "2-MeTHF", "catalyst 7", "H2O", "IV", "IV curve"]
    space = {"kind": "factors", "factors": [{"kind": "categorical", "name": "x", "levels": levels}]}
    names = known_names(factors.spec(space=space, name="Plain"))
    assert {"table.lookup/1", "2-MeTHF", "catalyst 7", "H2O", "IV curve"} == set(names)


@given(st.integers(0, 10**9), st.text(alphabet="abc ", max_size=10))
def test_no_number_passes_in_digits(number: int, words: str) -> None:
    """Wherever it stands."""
    assert fault_of(f"{words}{number}{words}", FIGURES, NAMES)


@given(st.text(max_size=80))
def test_what_passes_has_no_digit_outside_figures(text: str) -> None:
    """Whatever is written: once the names are taken out, nothing that passes has a digit or a brace."""
    if not fault_of(text, FIGURES, ()):
        assert not re.search(r"[\d{}]", PLACEHOLDER.sub("", text))


def test_ids_of_measurements_are_those_of_the_ledger() -> None:
    """The name of a figure is the id, so that a finding's measurements can be named in a narrative."""
    attempt = FACTS.cycles[0].jobs[0].attempts[0].id
    assert f"measurement.{measurement_id(attempt, 0)}" in FIGURES
