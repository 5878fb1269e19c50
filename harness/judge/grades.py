"""Stored chains judged, and the verdicts written beside the run's scores, under the judge's own key.

Example: `for done, of in judge_runs(store, runs, judge, load): …`; what this judge has judged is not asked again, and
`summary(read.grades(store, run, "judge", judge.key))` says how it went, without asking anything.
Gold and model stay hidden: of a sample only question and choices are shown, of a response only its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import stats
from harness.engines import Engine
from harness.errors import UserError
from harness.identity import digest
from harness.judge import asking, steps
from harness.judge.asking import Chain, Judge, Reading
from harness.judge.figures import Figures, figures
from harness.judge.prompt import SOUND
from harness.records import Response, Run, Sample, Score
from harness.store import read
from harness.store.open import Store
from harness.store.write import Writer

SCORER = "judge"
VERSION = 1  # raised when the same replies would give another value
CANARIES = 50  # chains of a run that are also asked with the canary
ERROR_LENGTH = 300  # characters kept of what an engine said


@dataclass(frozen=True)
class Work:
    """One stored answer to be judged."""

    run: str
    sample: Sample
    response: Response
    canary: bool


def waiting(store: Store, run: Run, judge: Judge, limit: int | None = None) -> list[Work]:
    """What this judge has not judged of a run yet; of `limit` always the same ones, so that more can be had later."""
    exam = read.get_exam(store, run.exam)
    if exam.task.ask != "generate":
        raise UserError(
            f"{exam.task.key} is scored by log-probabilities, so there is no reasoning to judge; leave it out"
        )
    if run.checkpoint == judge.checkpoint.id:
        raise UserError(f"{judge.checkpoint.name} can't judge its own answers; name another judge")
    samples = {sample.id: sample for sample in exam.samples}
    fresh = {(r.sample, r.repeat): r for r in read.unscored(store, run.id, SCORER, VERSION, judge.key)}
    known = read.grades(store, run.id, SCORER, judge.key)
    drawn = sorted({*fresh, *known}, key=digest)[:limit]
    watched = set(drawn[:CANARIES])
    return [Work(run.id, samples[a[0]], fresh[a], a in watched) for a in drawn if a in fresh]


def judge_all(
    store: Store, work: Sequence[Work], judge: Judge, load: Callable[[], Engine]
) -> Iterator[tuple[Work, Score]]:
    """Every answer's grade as it is found and written; an engine starts only where one has to be asked."""
    asked: list[tuple[Work, steps.Chain]] = []
    with Writer(store) as writer:
        for one in work:
            chain = steps.chain_of(one.response)
            score = _without_asking(one.response, chain)
            if score is None:
                asked.append((one, chain))
                continue
            _write(writer, one, score, judge)
            yield one, score
        if not asked:
            return
        engine = load()
        try:
            chains = (_chain(str(i), one, chain) for i, (one, chain) in enumerate(asked))
            for reading in asking.judged(engine, judge, chains):
                one, chain = asked[int(reading.chain.name)]
                score = score_of(reading, chain.place)
                _write(writer, one, score, judge)
                yield one, score
        finally:
            engine.close()


def _write(writer: Writer, one: Work, score: Score, judge: Judge) -> None:
    writer.put_score(one.run, one.sample.id, one.response.repeat, score, judge.key)


def _chain(name: str, one: Work, chain: steps.Chain) -> Chain:
    return Chain(name, question_of(one.sample), tuple(steps.steps(chain.text)), one.canary)


def question_of(sample: Sample) -> str:
    """As it was asked, with its options; the gold is nowhere in it."""
    options = [f"{chr(65 + i)}. {choice}" for i, choice in enumerate(sample.choices)]
    return "\n".join([sample.question, *options])


def _without_asking(response: Response, chain: steps.Chain) -> Score | None:
    """Nothing to judge: an engine's error has no value, an answer without reasoning is worth nothing."""
    if response.stop == "error":
        return Score(SCORER, VERSION, None, None, "error", "error")
    if not chain.text and not response.thinking.strip():
        return Score(SCORER, VERSION, 0.0, None, "empty", "empty")
    if chain.place == "none":
        return Score(SCORER, VERSION, 0.0, None, "no_chain", "wrong")
    return None


def score_of(reading: Reading, place: str) -> Score:
    """The value is of what could be read; `detail` keeps the verdicts, so that every figure can be counted again."""
    value, told = reading.quality, reading.read
    detail = {
        "steps": len(reading.chain.steps),
        "verdicts": list(reading.verdicts),
        "redundant": reading.redundant,
        "failed": len(reading.errors),
    }
    if reading.chain.canary:
        detail |= {"canary": reading.canary}
    if reading.reason:
        detail |= {"reason": reading.reason}
    if reading.cut:
        detail |= {"cut": reading.cut}
    if reading.errors:
        detail |= {"why": reading.errors[0][:ERROR_LENGTH]}
    if value is None:
        return Score(SCORER, VERSION, None, None, place, "error" if reading.errors else "unparsed", detail)
    wrong = next((v for v in told if v != SOUND), SOUND)
    answer = "sound" if wrong == SOUND else f"step {wrong + 1}"
    return Score(SCORER, VERSION, value, answer, place, "correct" if value == 1.0 else "wrong", detail)


# -- how it went --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """Counts of one run's verdicts, or of several; shares are None where there is nothing to share out."""

    chains: int  # answers that have been dealt with
    asked: int  # of these the judge has seen
    valued: int  # have a quality
    unparsed: int  # the judge saw them and said nothing that could be read
    errors: int  # no answer, or no reply
    empty: int  # no reasoning to judge
    quality: float | None  # mean over what is valued
    low: float | None  # 95 % interval
    high: float | None
    said: Figures


def reading_of(score: Score) -> Reading | None:
    """The reading behind a stored score; None where the judge was not asked."""
    count = score.detail.get("steps")
    if not count:
        return None
    chain = Chain("", "", ("",) * int(count), "canary" in score.detail)
    failed, cut = int(score.detail.get("failed", 0)), int(score.detail.get("cut", 0))
    return Reading(
        chain, list(score.detail["verdicts"]), score.detail.get("canary"), score.detail.get("redundant"),
        errors=["?"] * failed, cut=cut,
    )  # fmt: skip


def summary(grades: Mapping[tuple[str, int], Score] | Sequence[Score]) -> Summary:
    scores = list(grades.values() if isinstance(grades, Mapping) else grades)
    readings = [r for r in map(reading_of, scores) if r is not None]
    values = [s.value for s in scores if s.value is not None]
    low, high = stats.mean_t(values) if values else (None, None)
    return Summary(
        chains=len(scores),
        asked=len(readings),
        valued=len(values),
        unparsed=sum(s.outcome == "unparsed" for s in scores),
        errors=sum(s.outcome == "error" for s in scores),
        empty=sum(s.rule in ("empty", "no_chain") for s in scores),
        quality=stats.mean(values),
        low=None if low is None else max(0.0, low),
        high=None if high is None else min(1.0, high),
        said=figures(readings),
    )
