"""One task, two readers: stock lm-eval asks and grades what bench asks and grades, on all the real questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.questions import catalogue, load, prompts
from harness.records import Exam

ROOT = Path(__file__).resolve().parents[1]


def exam_of(name: str, data: Path) -> Exam:
    return load.load(catalogue.find([name])[0], data)


@pytest.mark.parametrize("shots", [None, 0])
def test_stock_lm_eval_asks_exactly_what_bench_asks(data: Path, shots: int | None) -> None:
    import lm_eval.tasks

    asked = {"data": str(data)} | ({} if shots is None else {"shots": shots})
    manager = lm_eval.tasks.TaskManager(include_path=str(ROOT / "tasks"), include_defaults=False, metadata=asked)
    stock = manager.load(["ceval", "mathcot", "medqa"])["tasks"]
    assert set(stock) == {"ceval", "gsm8k", "cmath", "cmmlu_med"}
    for name, theirs in stock.items():
        theirs.build_all_requests(limit=None, rank=0, world_size=1)
        exam = exam_of(name, data)
        settings = prompts.settings(exam.task, False, {"shots": shots})
        ours = list(prompts.prompts(exam, settings, exam.samples))
        requests: dict[int, list[Any]] = {}
        for instance in theirs.instances:
            requests.setdefault(instance.doc_id, []).append(instance)
        assert len(ours) == len(requests)
        for sample, prompt, group in zip(exam.samples, ours, requests.values(), strict=True):
            assert {instance.args[0] for instance in group} == {prompt.text}
            gold = theirs.doc_to_target(group[0].doc)
            if prompt.options is None:
                assert gold == sample.target
                assert tuple(group[0].args[1]["until"]) == settings.stop
                assert group[0].args[1]["max_gen_toks"] == settings.max_tokens
            else:
                assert tuple(instance.args[1] for instance in group) == prompt.options
                assert "ABCD"[gold] == sample.target


def test_stock_lm_eval_grades_with_our_grader(data: Path) -> None:
    import lm_eval.tasks

    manager = lm_eval.tasks.TaskManager(
        include_path=str(ROOT / "tasks"), include_defaults=False, metadata={"data": str(data)}
    )
    task = manager.load(["cmath"])["tasks"]["cmath"]
    doc = next(iter(task.eval_docs))
    assert task.process_results(doc, [f"所以是 \\boxed{{{doc['target']}}}。"]) == {"accuracy": 1.0}
    assert task.process_results(doc, [""]) == {"accuracy": 0.0}
