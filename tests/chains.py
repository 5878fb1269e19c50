"""Worked solutions, whole and broken on purpose, and other people's with labels: what a chain's score is measured on.

Example: broken("operator changed", solution, 7) has one + - * / of the solution replaced. Seeded by the row: the same
everywhere. Calculator marks (<<2+3=5>>) are taken out: models that write none are the harder case.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.records import Response, Sample, Score
from harness.scorers import cot


class Chain(NamedTuple):
    question: str
    text: str
    good: bool = True
    cut: bool = False


def rows(path: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode("utf-8")
    try:
        found = json.loads(text)
    except ValueError:
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [row for row in found if "accuracy" not in row]


def graded(chain: Chain) -> Score:
    sample = Sample("s", 0, chain.question)
    return cot.score(sample, Response("r", "s", 0, text=chain.text, stop="length" if chain.cut else "end"))


def auc(good: list[float], bad: list[float]) -> float:
    """The chance that a good chain scores above a bad one, ties half."""
    both = sorted([(v, 1) for v in good] + [(v, 0) for v in bad])
    ranks, i = 0.0, 0
    while i < len(both):
        j = i
        while j < len(both) and both[j][0] == both[i][0]:
            j += 1
        ranks += sum(g for _, g in both[i:j]) * (i + j + 1) / 2
        i = j
    return (ranks - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad))


# -- made from gold -----------------------------------------------------------------------------------------

_RESULT = re.compile(r"(?<==)\s*\$?\d[\d,]*(?:\.\d+)?")
_OPERATOR = re.compile(r"(?<=[\d)%])\s*[-+*/x]\s*(?=[\d($.])")
_NUMBER = re.compile(r"(?<![\d.])\d[\d,]*(?:\.\d+)?")
KINDS = (
    "result changed", "operator changed", "any number perturbed", "final answer changed", "another question's solution",
    "step removed", "steps shuffled", "step repeated", "answer only", "cut off half-way", "last step looped",
)  # fmt: skip


def gold(data: Path, name: str = "test.jsonl") -> list[Chain]:
    return [Chain(row["question"], bare(row["answer"])) for row in rows(data / "gsm8k" / name)]


def bare(answer: str) -> str:
    return re.sub(r"<<[^<>]*>>", "", answer)


def broken(kind: str, chains: list[Chain], i: int) -> Chain | None:
    """The i-th solution with this fault; None where it has no place for it."""
    chance = random.Random(f"{kind}{i}")
    question, text = chains[i].question, chains[i].text
    steps, _, answer = text.rpartition("\n")
    lines = steps.split("\n")
    if kind == "another question's solution":
        return Chain(question, chains[(i + 1 + chance.randrange(len(chains) - 1)) % len(chains)].text, False)
    if kind == "answer only":
        return Chain(question, answer, False)
    if kind == "cut off half-way":
        return Chain(question, text[: len(text) // 2], False, True)
    if kind == "last step looped":
        return Chain(question, text + "\n" + "\n".join([lines[-1]] * 10), False)
    if kind == "final answer changed":
        return Chain(question, steps + "\n#### " + _other(answer.removeprefix("####").strip(), chance), False)
    if kind in ("step removed", "steps shuffled", "step repeated"):
        return _restepped(kind, question, lines, answer, chance)
    places = {"result changed": _RESULT, "operator changed": _OPERATOR, "any number perturbed": _NUMBER}[kind]
    found = list(places.finditer(steps))
    if not found:
        return None
    spot = chance.choice(found)
    if kind == "operator changed":
        new = f" {chance.choice([o for o in '+-*/' if o != spot[0].strip().replace('x', '*')])} "
    else:
        number = _NUMBER.search(spot[0])
        assert number
        new = spot[0][: number.start()] + _other(number[0], chance)
    return Chain(question, f"{steps[: spot.start()]}{new}{steps[spot.end() :]}\n{answer}", False)


def _restepped(kind: str, question: str, lines: list[str], answer: str, chance: random.Random) -> Chain | None:
    if len(lines) < 2:
        return None
    if kind == "step removed":
        gone = chance.randrange(len(lines))
        lines = lines[:gone] + lines[gone + 1 :]
    elif kind == "step repeated":
        again = chance.randrange(len(lines))
        lines = [*lines[: again + 1], *lines[again:]]
    else:
        before = list(lines)
        while lines == before and len(set(lines)) > 1:
            chance.shuffle(lines)
    return Chain(question, "\n".join([*lines, answer]), False)


def _other(number: str, chance: random.Random) -> str:
    """Another number of about that size and spelling."""
    digits = number.replace(",", "").rstrip(".")
    whole, dot, part = digits.partition(".")
    size = int(whole or 0)
    shift = chance.choice([-1, 1]) * chance.randint(1, max(1, min(10, size // 2 or 1)))
    changed = size + shift if size + shift > 0 else size + abs(shift)
    return f"{changed:,}{dot}{part}" if "," in number else f"{changed}{dot}{part}"


# -- other people's -----------------------------------------------------------------------------------------


def labelled(data: Path) -> Iterator[tuple[str, list[Chain]]]:
    """Chains whose steps people have labelled; good: no wrong step."""
    steps = data / "cot_steps"
    yield (
        "MR-MATH invalid (right answers)",
        [
            Chain(r["question"], _joined(r), r["model_output_solution_correctness"] == "correct")
            for r in rows(steps / "mr-math_invalid_errors.jsonl.gz")
        ],
    )
    yield (
        "MR-MATH redundant (a redundant step)",
        [
            Chain(r["question"], _joined(r), min(r["rating"]) == 1)
            for r in rows(steps / "mr-math_redundant_errors.jsonl.gz")
        ],
    )
    for name in ("multistep_arithmetic", "tracking_shuffled_objects", "logical_deduction", "word_sorting"):
        yield (
            f"BIG-Bench-Mistake {name}",
            [
                Chain(r["input"], "\n".join(r["steps"]), r["mistake_index"] is None)
                for r in rows(steps / f"bigbench_mistake_{name}.jsonl.gz")
            ],
        )


def _joined(row: dict[str, Any]) -> str:
    return "\n".join(step[0] for step in row["model_output_step_format"])


SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def answered(data: Path) -> Iterator[tuple[str, list[Chain]]]:
    """Real outputs; good: the answer is right."""
    solutions = rows(data / "outputs_openai_gsm8k" / "example_model_solutions.jsonl.gz")
    for system in SYSTEMS:
        yield (
            f"OpenAI {system}",
            [Chain(r["question"], r[system]["solution"], r[system]["is_correct"]) for r in solutions],
        )
    for path in sorted((data / "outputs_eval_gsm8k_base").glob("*.json.gz")):
        name = path.name.removesuffix(".json.gz")
        yield f"base {name}", [Chain(r["question"], r["model_answers_text"][0], bool(r["correct"])) for r in rows(path)]
    for path in sorted((data / "outputs_tora_gsm8k").glob("*.jsonl.gz")):
        yield (
            f"ToRA {path.name.removesuffix('.jsonl.gz')}",
            [Chain(r["question"], r["code"][0], _same(r["pred"][0], r["gt"])) for r in rows(path)],
        )
    sampled = rows(data / "outputs_qwen_math_cot100" / "math_cot_100.jsonl.gz")
    yield (
        "Qwen MATH cot100 (8 each)",
        [Chain(_question(r), text, bool(s)) for r in sampled for text, s in zip(r["code"], r["score"], strict=True)],
    )


def _question(row: dict[str, Any]) -> str:
    return str(row.get("question") or row.get("problem") or "")


def _same(said: Any, wanted: Any) -> bool:
    try:
        return abs(float(said) - float(str(wanted).replace(",", ""))) < 1e-3
    except (TypeError, ValueError):
        return str(said) == str(wanted)
