"""One tiny checkpoint from scratch, in a process of its own: `python -m trainers._tiny_pretrain base < job.json`.

It prints a JSON line when it is done. Two threads on one model of this size gain next to nothing, two models at a time
gain half the wall time; that is why each is a process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harness import identity
from harness.checkpoints import lineage
from harness.records import Lineage
from tasks import demo_facts, demo_math
from trainers import _tiny_fit, _tiny_model

Rows = list[dict[str, Any]]


def pretrain(name: str, out: Path, seed: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Train, save with its lineage, and say how it went: name, steps, seconds, mean of the last losses."""
    plan = recipe[name]
    tokens = _tokenizer(recipe["tokenizer"]["size"])
    problems, facts = _problems(plan, seed), demo_facts.lessons(plan["facts_share"])
    lessons = problems + [facts[i % len(facts)] for i in range(len(problems) // 4)]  # facts are to be known by heart
    model = _tiny_model.model(tokens, plan, seed)
    fitted = _tiny_fit.fit(model, _tiny_fit.examples(tokens, lessons), plan, seed)
    _tiny_model.save(model, tokens, out / name)
    record = Lineage(
        method=plan["method"],
        recipe=plan,
        recipe_sha=identity.digest(plan),
        data=[_source("demo_math problems", problems), _source("demo_facts lessons", facts)],
        seed=seed,
        steps=plan["steps"],
        tokens=fitted.tokens,
        seconds=fitted.seconds,
        loss=lineage.thin(fitted.loss),
        template_sha=identity.digest(_tiny_model.TEMPLATE),
        versions=_tiny_model.versions(),
    )
    lineage.write(out / name, record)
    last = [loss for _, loss in fitted.loss[-20:]]
    return {"name": name, "steps": plan["steps"], "seconds": fitted.seconds, "loss": sum(last) / len(last)}


def _problems(plan: Mapping[str, Any], seed: int) -> Rows:
    """Training problems, each with a question that the test doesn't ask."""
    test = {row["question"] for row in demo_math.rows(None, "test")}
    return list(demo_math.problems(plan["problems"], seed * 100 + plan["data_seed"], exclude=test))


def _tokenizer(size: int) -> Any:
    """The same for both: learnt from rows of its own seed."""
    rows = [*demo_math.problems(4000, 7), *demo_facts.lessons()]
    return _tiny_model.tokenizer([f"user\n{row['question']}\nassistant\n{row['solution']}" for row in rows], size)


def _source(name: str, rows: Rows) -> dict[str, Any]:
    content = [[row["question"], row["solution"]] for row in rows]
    return {"name": name, "rows": len(rows), "sha": identity.digest(content)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    job = json.load(sys.stdin)
    print(json.dumps(pretrain(sys.argv[1], Path(job["out"]), job["seed"], job["recipe"])), flush=True)
