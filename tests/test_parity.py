"""Our numbers are lm-eval's numbers: the same checkpoint, the same real questions, stock lm_eval's HFLM against `hf`.

208 C-Eval questions (five solved examples, letters by log-likelihood) and 60 of GSM8K (greedy text), both sides
reading the same task files. A random model says as much as a good one: its letters and texts are just as definite.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tinies import by_sample, full

from harness import engines
from harness.questions import catalogue, load, prompts
from harness.records import Exam, Request, Response, Sample

pytestmark = [pytest.mark.engine, pytest.mark.data]

TASKS = Path(__file__).resolve().parents[1] / "tasks"
STOP = ("\n\nQuestion:", "th")  # a random model says "th" now and then: stop strings are compared too
MAX_TOKENS = 48
QUESTIONS = {"ceval": 208, "gsm8k": 60}


@dataclass
class Pair:
    """What both sides said to one question."""

    ours: Response
    theirs: dict[str, Any]  # lm-eval's logged sample


@pytest.fixture(scope="module")
def pairs(data: Path, make_checkpoint: Callable[..., Path]) -> dict[str, list[Pair]]:
    exams = {name: load.load(catalogue.find([name])[0], data) for name in QUESTIONS}
    chosen = {name: load.select(exams[name], n) for name, n in QUESTIONS.items()}
    texts = [sample.question for samples in chosen.values() for sample in samples]
    checkpoint = make_checkpoint("parity", seed=5, texts=texts, vocabulary=3000)
    clocks: dict[str, tuple[float, float]] = {}
    start = time.process_time(), time.perf_counter()
    ours = _ours(checkpoint, exams, chosen)
    middle = time.process_time(), time.perf_counter()
    theirs = _theirs(checkpoint, data, chosen)
    end = time.process_time(), time.perf_counter()
    for name, a, b in (("bench", start, middle), ("lm_eval", middle, end)):
        clocks[name] = b[0] - a[0], b[1] - a[1]
        print(f"{name}: {clocks[name][0]:.1f} CPU s, {clocks[name][1]:.1f} s")
    return {name: [Pair(ours[s.id, 0], theirs[name][s.position]) for s in samples] for name, samples in chosen.items()}


def _ours(path: Path, exams: dict[str, Exam], chosen: dict[str, tuple[Sample, ...]]) -> dict[tuple[str, int], Response]:
    checkpoint = full(path)
    asked = []
    for name, exam in exams.items():
        extra = {"max_tokens": MAX_TOKENS, "stop": STOP} if exam.task.ask == "generate" else {}
        settings = prompts.settings(exam.task, True, {"chat": False, **extra})
        asked += [Request(name, "m", p.sample, 0, p, settings) for p in prompts.prompts(exam, settings, chosen[name])]
    engine = engines.load(engines.describe("hf", [checkpoint], {}), [checkpoint], {})
    answers = by_sample(engine.answer(asked))
    engine.close()
    return answers


def _theirs(path: Path, data: Path, chosen: dict[str, tuple[Sample, ...]]) -> dict[str, dict[int, dict[str, Any]]]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    out = simple_evaluate(
        model=HFLM(pretrained=str(path), dtype="float32", device="cpu", batch_size=8),
        tasks=list(chosen),
        task_manager=TaskManager(include_path=str(TASKS), include_defaults=False, metadata={"data": str(data)}),
        samples={name: [s.position for s in samples] for name, samples in chosen.items()},
        gen_kwargs={"max_gen_toks": MAX_TOKENS, "until": list(STOP)},
        log_samples=True,
        bootstrap_iters=0,
    )
    return {name: {s["doc_id"]: s for s in out["samples"][name]} for name in chosen}


def test_letters_of_real_questions_are_the_same(pairs: dict[str, list[Pair]]) -> None:
    found = pairs["ceval"]
    assert len(found) >= 200
    largest = 0.0
    for pair in found:
        assert pair.ours.logprobs is not None and pair.ours.error is None
        assert pair.ours.prompt == pair.theirs["arguments"][0][0]
        stock = [float(value) for value, _ in pair.theirs["filtered_resps"]]
        assert _best(pair.ours.logprobs) == _best(stock)
        assert list(pair.ours.greedy or ()) == [bool(greedy) for _, greedy in pair.theirs["filtered_resps"]]
        largest = max(largest, *(abs(a - b) for a, b in zip(pair.ours.logprobs, stock, strict=True)))
    chosen = {_best(p.ours.logprobs or ()) for p in found}
    print(f"{len(found)} questions, largest difference {largest:.1e} nats, letters chosen: {sorted(chosen)}")
    assert largest <= 1e-4
    assert len(chosen) > 1, "a model that always takes one letter proves nothing"


def test_greedy_texts_of_real_questions_are_the_same(pairs: dict[str, list[Pair]]) -> None:
    found = pairs["gsm8k"]
    assert len(found) >= 50
    for pair in found:
        assert pair.ours.prompt == pair.theirs["arguments"][0][0]
        assert pair.ours.text == pair.theirs["filtered_resps"][0]
    stops = [p.ours.stop for p in found]
    print(f"{len(found)} texts, {stops.count('end')} stopped, {len({p.ours.text for p in found})} different")
    assert {"end", "length"} <= set(stops)


def _best(values: Any) -> int:
    return max(range(len(values)), key=lambda i: values[i])
