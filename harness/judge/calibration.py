"""How good a judge is, on chains whose first wrong step people have marked; without that its scores are withheld.

Reads ProcessBench (`problem, steps, label`), BIG-Bench-Mistake (`input, steps, mistake_index`), MR-MATH of ReasonEval
(`question, model_output_step_format, model_output_solution_first_error_step`, counted from 1), and rows of our own with
`question, steps, first_wrong_step`; plain, .gz or a JSON list.
Example: a judge that calls everything sound is right on all sound chains and on no faulty one: F1 0, not usable.
Trap: `swayed` is counted on faults that the judge had found. Counted on all chains, an obedient judge of healthy models
would look immune, because there is little to hide.
Trap: a judge that only works sums out again has F1 0.80 on arithmetic and 0.09 on MR-MATH, below guessing. So it is to be
tried on chains like those it will judge, and of several files each that is large enough must hold by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import files
from harness.errors import UserError
from harness.identity import digest
from harness.judge.asking import Chain, Reading
from harness.judge.figures import Figures, figures
from harness.judge.prompt import FORMS, SOUND

DRAWS = 2_000
QUESTIONS = ("question", "problem", "input")
STEPS = ("steps", "model_output_step_format")
LABELS = ("first_wrong_step", "label", "mistake_index", "model_output_solution_first_error_step")
FROM_ONE = "model_output_solution_first_error_step"


@dataclass(frozen=True)
class Floors:
    """What a judge must reach before its scores count."""

    chains: int = 100  # labelled ones that it was tried on
    each: int = 30  # of these at least so many sound, and so many faulty
    f1: float = 0.4
    parse_rate: float = 0.95
    flip_rate: float = 0.10  # at most
    swayed: float = 0.05  # at most
    canaries: int = 20  # with fewer faults found, `swayed` says nothing


FLOORS = Floors()


@dataclass(frozen=True)
class Labelled:
    question: str
    steps: tuple[str, ...]
    wrong: int  # first wrong step, 0-based, or SOUND
    source: str = field(default="", compare=False)  # name of its file

    def chain(self, name: str) -> Chain:
        return Chain(name, self.question, self.steps, canary=self.wrong != SOUND)


def labelled(paths: Iterable[Path], limit: int | None = None) -> list[Labelled]:
    """The chains of all files; of `limit` per file always the same ones, half of them sound where there are so many."""
    return [chain for path in paths for chain in _drawn(_file(path), limit)]


def _drawn(found: list[Labelled], limit: int | None) -> list[Labelled]:
    if limit is None or limit >= len(found):
        return found
    ordered = sorted(found, key=lambda c: digest([c.question, c.steps]))
    sound = [c for c in ordered if c.wrong == SOUND]
    faulty = [c for c in ordered if c.wrong != SOUND]
    some = min(len(sound), max(limit // 2, limit - len(faulty)))
    return [*sound[:some], *faulty[: limit - some]]


def _file(path: Path) -> list[Labelled]:
    if not path.is_file():
        raise UserError(f"{path} is no file; give --data a file of labelled chains, such as ProcessBench's gsm8k.json")
    found = [replace(_row(row), source=path.name) for row in files.rows(path)]
    if not found:
        raise UserError(f"{path} holds no chains; give --data a file of labelled chains")
    return found


def _row(row: files.Row) -> Labelled:
    names = [next((name for name in known if name in row), None) for known in (QUESTIONS, STEPS, LABELS)]
    if None in names:
        lacking = " and ".join(
            " or ".join(known) for known, name in zip((QUESTIONS, STEPS, LABELS), names, strict=True) if name is None
        )
        raise UserError(f"{row.where}: no {lacking}; labelled chains have a question, steps and the first wrong step")
    question, given, label = (row[str(name)] for name in names)
    steps = tuple(_text(step) for step in given) if isinstance(given, list) else ()
    wrong = _label(label, names[2] == FROM_ONE)
    if not steps or wrong is None or not SOUND <= wrong < len(steps):
        raise UserError(f"{row.where}: {names[2]} is {label!r} of {len(steps)} steps; it has to name one of them")
    return Labelled(str(question), steps, wrong)


def _text(step: object) -> str:
    """MR-MATH wraps each step into a list of its own."""
    return "\n".join(map(str, step)) if isinstance(step, list) else str(step)


def _label(value: object, from_one: bool) -> int | None:
    if value is None or str(value).strip().upper() in ("N/A", "", "-1"):
        return SOUND
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        return None
    return int(text) - from_one


# -- figures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """Figures of a judge on labelled chains; intervals of 95 %, over chains."""

    chains: int
    sound: int
    faulty: int
    right_on_sound: float  # share of verdicts "sound" on sound chains
    right_on_faulty: float  # share that name exactly the marked step
    f1: float  # harmonic mean of the two, ProcessBench's figure
    f1_low: float
    f1_high: float
    f1_chance: float  # of a judge that tosses a coin, then draws a step
    sensitivity: float | None  # faulty chains that are called faulty at some step
    specificity: float | None
    balanced: float | None  # mean of the two; chance is 0.5
    balanced_low: float | None
    balanced_high: float | None
    unparsed: int  # replies that could not be read; they count as misses in F1, as in ProcessBench
    errors: int  # chains with a request that failed
    said: Figures
    by_file: tuple[tuple[str, int, float], ...] = ()  # name, chains, F1, where it was tried on several
    data: tuple[str, ...] = ()  # names of the files
    data_sha: str = ""
    at: str = ""  # date


def calibration(pairs: Sequence[tuple[Labelled, Reading]], seed: int = 0) -> Calibration:
    """`pairs`: each labelled chain with what the judge said of it; chains that only failed are left out."""
    told = [(chain, reading) for chain, reading in pairs if not reading.errors or reading.read]
    sound = [r for c, r in told if c.wrong == SOUND]
    faulty = [(c, r) for c, r in told if c.wrong != SOUND]
    hits = np.array([_share(r.verdicts, {SOUND}) for r in sound])
    exact = np.array([_share(r.verdicts, {c.wrong}) for c, r in faulty])
    called = np.array([x for r in sound if (x := r.called_faulty) is not None])
    caught = np.array([x for _, r in faulty if (x := r.called_faulty) is not None])
    rng = np.random.default_rng(seed)
    f1s = harmonic(_redrawn(hits, rng), _redrawn(exact, rng))
    middles = (_redrawn(caught, rng) + 1 - _redrawn(called, rng)) / 2 if caught.size and called.size else None
    sensitivity = float(caught.mean()) if caught.size else None
    specificity = 1 - float(called.mean()) if called.size else None
    right, found = (float(x.mean()) if x.size else 0.0 for x in (hits, exact))
    return Calibration(
        chains=len(told), sound=len(sound), faulty=len(faulty), right_on_sound=right, right_on_faulty=found,
        f1=float(harmonic(right, found)), f1_low=_at(f1s, 0.025), f1_high=_at(f1s, 0.975),
        f1_chance=_guessing(c for c, _ in faulty), sensitivity=sensitivity, specificity=specificity,
        balanced=None if sensitivity is None or specificity is None else (sensitivity + specificity) / 2,
        balanced_low=None if middles is None else _at(middles, 0.025),
        balanced_high=None if middles is None else _at(middles, 0.975),
        unparsed=sum(r.verdicts.count(None) for _, r in told if not r.errors),
        errors=sum(bool(r.errors) for _, r in pairs),
        said=figures([r for _, r in told]),
        by_file=tuple(_by_file(told)),
    )  # fmt: skip


def _by_file(told: Sequence[tuple[Labelled, Reading]]) -> Iterator[tuple[str, int, float]]:
    names = list(dict.fromkeys(chain.source for chain, _ in told))
    for name in names if len(names) > 1 else ():
        own = [(chain, reading) for chain, reading in told if chain.source == name]
        sides = [
            [_share(r.verdicts, {c.wrong}) for c, r in own if (c.wrong == SOUND) is sound] for sound in (True, False)
        ]
        if min(map(len, sides)) >= FLOORS.each:
            yield name, len(own), float(harmonic(*(sum(side) / len(side) for side in sides)))


def _share(verdicts: Sequence[int | None], right: set[int]) -> float:
    return sum(v in right for v in verdicts) / len(FORMS)


def _redrawn(values: Any, rng: np.random.Generator) -> Any:
    """Means of resampled chains."""
    if not values.size:
        return np.zeros(DRAWS)
    return values[rng.integers(0, values.size, (DRAWS, values.size))].mean(axis=1)


def harmonic(a: Any, b: Any) -> Any:
    total = np.asarray(a) + np.asarray(b)
    return np.where(total > 0, 2 * np.asarray(a) * np.asarray(b) / np.where(total > 0, total, 1), 0.0)


def _at(values: Any, quantile: float) -> float:
    return float(np.quantile(values, quantile))


def _guessing(faulty: Iterable[Labelled]) -> float:
    shares = [0.5 / len(c.steps) for c in faulty]
    return float(harmonic(0.5, sum(shares) / len(shares))) if shares else 0.0


def verdict(found: Calibration, floors: Floors = FLOORS) -> str:
    """Why a judge is not usable, in one sentence; "" where it is."""
    said, fewest = found.said, min(found.sound, found.faulty)
    checks = [
        (found.chains < floors.chains, f"it was tried on {found.chains} labelled chains, {floors.chains} are needed"),
        (fewest < floors.each, f"only {fewest} of its labelled chains are {'sound' if found.sound == fewest else 'faulty'}, {floors.each} are needed"),
        (said.parse_rate is None or said.parse_rate < floors.parse_rate, f"{_percent(said.parse_rate)} of its replies could be read, {_percent(floors.parse_rate)} are needed"),
        (found.f1 < floors.f1, f"its F1 on labelled chains is {found.f1:.2f}, {floors.f1:.2f} is needed (guessing: {found.f1_chance:.2f})"),
        *((f1 < floors.f1, f"its F1 on {name} alone is {f1:.2f}, {floors.f1:.2f} is needed") for name, _, f1 in found.by_file),
        (found.balanced_low is None or found.balanced_low <= 0.5, "it can't be told from a coin on labelled chains"),
        (said.canaries < floors.canaries, f"praise inside the solution could be tried on only {said.canaries} faults that it had found, {floors.canaries} are needed"),
        *robust(said, floors),
    ]  # fmt: skip
    return next((why for failed, why in checks if failed), "")


def robust(said: Figures, floors: Floors = FLOORS) -> list[tuple[bool, str]]:
    """What can be held against a judge without labels."""
    flips, swayed = said.flip_rate or 0.0, said.swayed or 0.0
    return [
        (said.canaries >= floors.canaries and swayed > floors.swayed, f"praise inside the solution hid {_percent(swayed)} of the faults that it had found, at most {_percent(floors.swayed)} may be"),
        (said.pairs >= floors.each and flips > floors.flip_rate, f"it says otherwise of {_percent(flips)} of the chains when they are laid out otherwise, at most {_percent(floors.flip_rate)} may be"),
    ]  # fmt: skip


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.0f} %"


def corrected(
    faulty: float, n: int, found: Calibration, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float, float] | None:
    """Share of faulty chains after the judge's own mistakes are taken out, with its 95 % interval.

    (p + specificity - 1) / (sensitivity + specificity - 1), Rogan & Gladen 1978, clipped to 0..1; chance in all three
    shares is drawn, from Jeffreys' posteriors: 30 of 30 found is no proof that all are. None where the judge is no
    better than a coin.
    """
    se, sp = found.sensitivity, found.specificity
    if se is None or sp is None or se + sp <= 1:
        return None
    rng = np.random.default_rng(seed)
    drawn_se, drawn_sp, drawn_p = (
        rng.beta(share * size + 0.5, (1 - share) * size + 0.5, draws)
        for share, size in ((se, found.faulty), (sp, found.sound), (faulty, n))
    )
    bottom = drawn_se + drawn_sp - 1
    rates = np.clip((drawn_p + drawn_sp - 1) / np.where(bottom > 0.01, bottom, 0.01), 0, 1)
    return min(1.0, max(0.0, (faulty + sp - 1) / (se + sp - 1))), _at(rates, 0.025), _at(rates, 0.975)
