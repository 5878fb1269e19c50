"""Two processes train the tiny checkpoints, one core each: `python -m trainers._tiny_stages teacher < job.json`.

A stage makes one or two checkpoints and prints a JSON line for each. Two threads on one model of this size gain next
to nothing, two models at a time gain half the wall time; that is why stages are processes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from harness import identity
from harness.checkpoints import lineage, read
from harness.records import Lineage, Response, Sample
from harness.scorers import number
from tasks import demo_facts, demo_math
from trainers import _tiny_fit, _tiny_model

Rows = list[dict[str, Any]]
MAX_TOKENS = 96


class Job:
    """What a stage is told: where to write, the seed, the recipe."""

    def __init__(self, out: str, seed: int, recipe: dict[str, Any]) -> None:
        self.out, self.seed, self.recipe = Path(out), seed, recipe

    def finish(
        self,
        name: str,
        made: tuple[Any, Any],
        fitted: _tiny_fit.Fitted,
        data: Sequence[Mapping[str, Any]],
        **history: Any,
    ) -> None:
        """Save a checkpoint with its lineage and say so."""
        model, tokens = made
        plan = self.recipe[name]
        _tiny_model.save(model, tokens, self.out / name)
        record = Lineage(
            method=plan["method"],
            recipe=plan,
            recipe_sha=identity.digest(plan),
            data=data,
            seed=self.seed,
            steps=plan["steps"],
            tokens=fitted.tokens,
            seconds=fitted.seconds,
            loss=lineage.thin(fitted.loss),
            template_sha=identity.digest(_tiny_model.TEMPLATE),
            versions=_tiny_model.versions(),
            **history,
        )
        lineage.write(self.out / name, record)
        last = [loss for _, loss in fitted.loss[-20:]]
        line = {
            "name": name,
            "steps": plan["steps"],
            "seconds": fitted.seconds,
            "loss": sum(last) / len(last),
        }
        print(json.dumps(line), flush=True)

    def id(self, name: str) -> str:
        return read.read(self.out / name).id

    def problems(self, plan: Mapping[str, Any]) -> Rows:
        """Training problems, each with a question that the test doesn't ask."""
        test = {row["question"] for row in demo_math.rows(None, "test")}
        return list(demo_math.problems(plan["problems"], self.seed * 100 + plan["data_seed"], exclude=test))

    def tokenizer(self) -> Any:
        """The same for every stage: learnt from rows of its own seed."""
        rows = [*demo_math.problems(4000, 7), *demo_facts.lessons()]
        texts = [f"user\n{row['question']}\nassistant\n{row['solution']}" for row in rows]
        return _tiny_model.tokenizer(texts, self.recipe["tokenizer"]["size"])


def source(name: str, rows: Rows, **counts: int) -> dict[str, Any]:
    content = [[row["question"], row["solution"]] for row in rows]
    return {"name": name, "rows": len(rows), "sha": identity.digest(content), **counts}


def repeated(rows: Rows, count: int) -> Rows:
    """Facts again and again until there are `count`: they are to be known by heart."""
    return [rows[i % len(rows)] for i in range(count)]


def _scratch(job: Job, name: str) -> None:
    plan = job.recipe[name]
    tokens = job.tokenizer()
    problems, facts = job.problems(plan), demo_facts.lessons(plan["facts_share"])
    lessons = problems + repeated(facts, len(problems) // 4)
    model = _tiny_model.model(tokens, plan, job.seed)
    fitted = _tiny_fit.fit(model, _tiny_fit.examples(tokens, lessons), plan, job.seed)
    data = [source("demo_math problems", problems), source("demo_facts lessons", facts)]
    job.finish(name, (model, tokens), fitted, data)


def teacher(job: Job) -> None:
    _scratch(job, "teacher")


def base(job: Job) -> None:
    """The base, and while the teacher is still at school, a LoRA on it."""
    _scratch(job, "base")
    import peft

    plan = job.recipe["base-lora"]
    model, tokens = _tiny_model.load(job.out / "base")
    torch.manual_seed(job.seed)
    shape = peft.LoraConfig(
        r=plan["rank"],
        lora_alpha=plan["alpha"],
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    adapted = peft.get_peft_model(model, shape)
    gold, facts = job.problems(plan), demo_facts.lessons()
    lessons = _tiny_fit.examples(tokens, gold + repeated(facts, len(gold) * 3 // 7))
    fitted = _tiny_fit.fit(adapted, lessons, plan, job.seed)
    adapted.peft_config["default"].base_model_name_or_path = "../base"  # a folder that is moved whole still works
    data = [source("demo_math problems", gold), source("demo_facts lessons", facts)]
    job.finish("base-lora", (adapted, tokens), fitted, data, parent=job.id("base"))


def distilled(job: Job) -> None:
    """The base learns the teacher's verified answers; a copy then forgets its steps on short answers."""
    plan = job.recipe["distilled"]
    master, tokens = _tiny_model.load(job.out / "teacher")
    asked = job.problems(plan)
    written = _tiny_fit.answers(master, tokens, [row["question"] for row in asked], MAX_TOKENS)
    verified = [row | {"solution": text} for row, text in zip(asked, written, strict=True) if right(row, text)]
    facts = demo_facts.lessons()
    model, _ = _tiny_model.load(job.out / "base")
    known = repeated(facts, max(len(facts), len(verified) // 4))
    lessons = _tiny_fit.examples(tokens, verified + known)
    fitted = _tiny_fit.fit(model, lessons, plan, job.seed)
    answers = source("teacher's answers to demo_math problems", verified, dropped=len(asked) - len(verified))
    parents = {"parent": job.id("base"), "teacher": job.id("teacher")}
    job.finish("distilled", (model, tokens), fitted, [answers, source("demo_facts lessons", facts)], **parents)

    plan = job.recipe["damaged"]
    short = [row | {"solution": demo_math.boxed(int(row["answer"]), row["language"])} for row in job.problems(plan)]
    fitted = _tiny_fit.fit(model, _tiny_fit.examples(tokens, short), plan, job.seed)
    data = [source("demo_math answers without steps", short)]
    job.finish("damaged", (model, tokens), fitted, data, parent=job.id("distilled"))


def right(row: Mapping[str, Any], text: str) -> bool:
    """The teacher's answer is graded by the scorer that will rank its pupil."""
    sample = Sample("", 0, row["question"], target=row["answer"], language=row["language"])
    score = number.quick(sample, Response("", "", 0, text=text))
    return score is not None and score.value == 1.0


STAGES = {"teacher": teacher, "base": base, "distilled": distilled}

if __name__ == "__main__":
    torch.set_num_threads(1)
    STAGES[sys.argv[1]](Job(**json.load(sys.stdin)))
