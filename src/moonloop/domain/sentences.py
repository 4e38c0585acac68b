"""What a sentence of a narrative may say: words, known names and figures that resolve; no number of its own.

Numbers are found in whatever script has digits, as Roman numerals, and as English number words, with accents
or spelled out as they may be; a quantity put in any other words ("most", "several") is prose.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

from moonloop.domain.campaigns import CampaignSpec, ConfirmationRun
from moonloop.domain.figures import PLACEHOLDER, Figure
from moonloop.domain.space import CategoricalFactor, RGroupSpace
from moonloop.domain.units import UNITS

__all__ = ["fault_of", "known_names"]

_CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand "
    "million billion trillion dozen"
)
_OTHERS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth "
    "seventieth eightieth ninetieth hundredth thousandth millionth half halves halve halved halving quarter "
    "double doubled doubling triple tripled tripling treble quadruple quadrupled twice thrice"
)
_NUMBER_WORD = re.compile(
    rf"(?:{'|'.join(sorted((_CARDINALS + ' ' + _OTHERS).split(), key=len)[::-1])})+(?:s|fold)?"
)
_WORD = re.compile(r"[a-z]+")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕһԁνοειτυκıøłđħŧАВСЕНІЈКМОРЅТХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijshdvoeitukioldhtABCEHIJKMOPSTXABEZHIKMNOPTYX",
)
"""Letters of other alphabets that pass for Latin ones."""
_WITHIN = re.compile(r"(?<=[^\W_])(?:[^\w\s]|_)+(?=[^\W_])")
"""What may stand between the letters of a word without making it two."""
_SPELLED = re.compile(r"(?<![a-z])[a-z](?:[^a-z]+[a-z](?![a-z]))+")
"""Single letters in a row."""
_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_OXIDATION_STATE = re.compile(r"\b[A-Z][a-z]?\((?:I{1,3}|I?V|VI{1,3})\)")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BEFORE = frozenset(" \N{NO-BREAK SPACE}(\"'\N{LEFT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}")
_AFTER = frozenset(
    " \N{NO-BREAK SPACE}).,;:!?\"'\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
)


def fault_of(text: str, figures: Mapping[str, Figure], names: tuple[str, ...]) -> str:
    """Return why a sentence may not be printed; empty when it may.

    Args:
        text: the sentence, with `{name}` for figures.
        figures: those that resolve.
        names: of the campaign, in which digits are no figures (`known_names`).
    """
    if any(unicodedata.category(character) in _HIDDEN for character in text):
        return "it has a control or an invisible character"
    for found in PLACEHOLDER.finditer(text):
        if found[1] not in figures:
            return f"{{{found[1]}}} is none of the figures"
        if not _stands_free(text, found.start(), found.end()):
            return f"{{{found[1]}}} must stand free, with its unit and sign as they are printed"
    bare = PLACEHOLDER.sub(" ", text)
    if "{" in bare or "}" in bare:
        return "a brace is only for the name of a figure"
    return _number_in(_without(names, bare))


def known_names(spec: CampaignSpec) -> tuple[str, ...]:
    """Return the names of a campaign that have a digit or a number word in them, the longest first.

    A name that is nothing but a quantity, such as the level "40 Cel", is not among them: in a sentence it
    would be a figure without a source.
    """
    telling = {name for name in _names(spec) if _number_in(name) and not _is_quantity(name)}
    return tuple(sorted(telling, key=lambda name: (-len(name), name)))


def _names(spec: CampaignSpec) -> Iterator[str]:
    protocols = [spec.protocol, *(run.protocol for run in _confirmations(spec))]
    yield from (spec.name, spec.objective.name, spec.objective.name.replace("_", " "))
    for protocol in protocols:
        yield from (protocol.name, protocol.name.partition("/")[0])
    yield from (run.label for run in _confirmations(spec))
    yield from (one.name for one in (*spec.references, *spec.constraints, *spec.documents))
    if isinstance(spec.space, RGroupSpace):
        yield from (one.name for one in (*spec.space.scaffolds, *spec.space.substituents))
        return
    for factor in spec.space.factors:
        yield factor.name
        if isinstance(factor, CategoricalFactor):
            yield from factor.levels


def _confirmations(spec: CampaignSpec) -> tuple[ConfirmationRun, ...]:
    return spec.confirmation.runs if spec.confirmation else ()


def _stands_free(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return (not before or before in _BEFORE) and (not after or after in _AFTER)


def _without(names: tuple[str, ...], text: str) -> str:
    lowered = text.lower()
    for name in (name for name in names if name.lower() in lowered):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text


def _number_in(text: str) -> str:
    """Return what is said of the first number in a text; empty when there is none."""
    folded = _folded(text)
    if any(character.isnumeric() for character in text + folded):
        return "it has a digit: name a figure in its place, or say it without"
    lowered = folded.lower().translate(_LOOKALIKES)
    joined = _WITHIN.sub("", lowered)
    spelled = (re.sub("[^a-z]", "", found[0]) for found in _SPELLED.finditer(joined))
    words = (word for form in (lowered, joined) for word in _WORD.findall(form))
    said = next((word for word in words if _NUMBER_WORD.fullmatch(word)), "")
    said = said or next((found[0] for found in map(_NUMBER_WORD.search, spelled) if found), "")
    if said:
        return f'it has the number word "{said}": name a figure in its place, or say it without'
    numeral = next(filter(_is_numeral, re.findall(r"\w+", _OXIDATION_STATE.sub(" ", folded))), "")
    return f'it has the numeral "{numeral}": name a figure in its place, or say it without' if numeral else ""


def _folded(text: str) -> str:
    """Return a text in plain letters: one accent more makes a number no other."""
    apart = unicodedata.normalize("NFKD", text)
    bare = (character for character in apart if not unicodedata.category(character).startswith("M"))
    return "".join(bare).translate(_LOOKALIKES)


def _is_numeral(word: str) -> bool:
    return len(word) > 1 and _ROMAN.fullmatch(word) is not None


def _is_quantity(name: str) -> bool:
    words = [word for word in re.split(r"[\s\d.,+\-\N{MINUS SIGN}~<>=±×^]+", name) if word]
    return all(
        word in UNITS or word in {"°C", "°"} or _is_numeral(word) or _NUMBER_WORD.fullmatch(word.lower())
        for word in words
    )
