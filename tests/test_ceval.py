"""C-Eval and CMMLU: the test split with labels and without, what is handed in, and lm-eval's own C-Eval digit for digit."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tinies import full

from harness import engines, evaluate
from harness.cli import _report, _watch, cli
from harness.errors import UserError
from harness.questions import catalogue, load, prompts
from harness.records import Exam, Prompt, Run
from harness.store import read
from harness.store.open import open_store

HEAD = "id,question,A,B,C,D,answer\n"
SUBJECTS = ("law", "physician", "high_school_physics")
ROWS = [
    ("成年人的基础体温约为____", "37℃", "30℃", "45℃", "25℃", "A"),
    (" 下列\n不是矢量的是____", "速度", "质量", "力", "位移", "B"),
    ("合同的要约可以____", "撤回", "抵押", "继承", "公证", "A"),
]


def write(folder: Path, labelled: bool, subjects: tuple[str, ...] = SUBJECTS) -> Path:
    """A C-Eval zip with our own questions in some subjects and none in the others."""
    from tasks import ceval

    (folder / "ceval").mkdir(parents=True)
    with zipfile.ZipFile(folder / "ceval" / "ceval-exam.zip", "w") as archive:
        for number, subject in enumerate(ceval.SUBJECTS):
            shots = [(f"{subject}演示{i}", "甲", "乙", "丙", "丁", "ABCDA"[i]) for i in range(5)]
            asked = [(f"{number}：{row[0]}", *row[1:]) for row in ROWS] if subject in subjects else []
            for split, rows in (("dev", shots), ("val", asked), ("test", asked)):
                kept = slice(None) if labelled or split != "test" else slice(-1)
                head = HEAD if kept == slice(None) else HEAD.replace(",answer", "")
                lines = [",".join(f'"{cell}"' for cell in (i, *row[kept])) for i, row in enumerate(rows)]
                archive.writestr(f"{split}/{subject}_{split}.csv", head + "".join(f"{line}\r\n" for line in lines))
    return folder


def exam_of(name: str, data: Path) -> Exam:
    return load.load(catalogue.find([name])[0], data)


# -- a checkpoint answers -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint("ceval", seed=3, texts=[cell for row in ROWS for cell in row] * 3)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose test split has no labels."""
    return write(tmp_path_factory.mktemp("plain"), labelled=False)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, plain: Path) -> tuple[Path, dict[str, Run]]:
    """A store with the tiny checkpoint's runs, by task."""
    folder = tmp_path_factory.mktemp("runs")
    labelled = write(folder / "labelled", labelled=True)
    exams = [exam_of(name, labelled) for name in ("ceval:test", "ceval:test-texts", "ceval@lm-eval")]
    exams += [exam_of(f"ceval:submission{form}", plain) for form in ("", "-generate", "~circular")]

    def run(asked: list[Exam], limit: int | None = None) -> list[Run]:
        how = {"max_tokens": 4, "chat": False}
        jobs = evaluate.plan([full(checkpoint)], asked, how, lambda c: engines.describe("hf", [c], {}), limit=limit)
        with open_store(folder / "bench.db") as store:
            return evaluate.evaluate(jobs, store, _watch.choose(quiet=True))

    runs = {exam.task.key: done for exam, done in zip(exams, run(exams), strict=True)}
    (part,) = run([exam_of("ceval:submission-texts", plain)], limit=4)
    return folder / "bench.db", {**runs, "part": part}


def export(store: Path, *words: str) -> Any:
    return CliRunner().invoke(cli, ["export", *words, "--store", str(store)], standalone_mode=False)


def test_a_test_split_with_labels_is_scored_like_any_other(work: tuple[Path, dict[str, Run]]) -> None:
    path, runs = work
    with open_store(path, mode="ro") as store:
        for key in ("ceval:test", "ceval:test-texts"):
            found = {(r.metric, r.slice): r for r in read.results(store, runs[key].id)}
            table = read.table(store, runs[key].id)
            assert len(table) == 9
            by_subject = table.groupby("subject").value.mean()
            assert found["accuracy", "macro"].value == pytest.approx(by_subject.mean())
            assert found["accuracy", "micro"].value == pytest.approx(table.value.mean())
            assert found["accuracy", ""].value == found["accuracy", "macro"].value
            shown = {name.removeprefix("category:") for _, name in found if name.startswith("category:")}
            assert shown == {"STEM", "Humanities", "Other", "Hard"}
            assert found["accuracy", "category:Hard"].value == pytest.approx(by_subject["high_school_physics"])


def test_a_split_without_labels_is_answered_and_not_scored(
    work: tuple[Path, dict[str, Run]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = work
    with open_store(path, mode="ro") as store:
        _report.report(store, [runs["ceval:test"], runs["ceval:submission"]], False, path)
        hints = [line for line in capsys.readouterr().out.splitlines() if "bench export" in line]
        assert len(hints) == 1 and "`bench export m --task ceval:submission -o FILE` writes" in hints[0]
        table = read.table(store, runs["ceval:submission"].id)
        assert set(table.outcome) == {"ungraded"}
        assert table.value.isna().all()
        assert set(table.answer) <= set("ABCD")
        (headline,) = [
            r for r in read.results(store, runs["ceval:submission"].id) if (r.metric, r.slice) == ("accuracy", "")
        ]
        assert headline.value is None


def test_what_is_handed_in_has_the_official_form(work: tuple[Path, dict[str, Run]], tmp_path: Path) -> None:
    path, runs = work
    out = tmp_path / "handed in" / "ours.json"
    for name in ("ceval:submission", "ceval:submission-generate"):
        refused = export(path, "m", "--task", name, "-o", str(out))
        assert isinstance(refused.exception, UserError)  # 9 questions where the card knows 12,342
        assert "asked from a copy with 9 of 12342 questions; use a whole one" in str(refused.exception)
        assert not out.exists()
    whole = _as_if_whole(path, tmp_path)
    labelled = export(whole, f"run:{runs['ceval:test'].id}", "-o", str(out))  # never the wrong split by accident
    assert labelled.exception is None and "outcomes" in json.loads(out.read_text("utf-8"))
    assert export(whole, f"run:{runs['ceval:submission'].id}", "-o", str(out)).exception is None
    made = json.loads(out.read_text("utf-8"))
    with open_store(path, mode="ro") as store:
        table = read.table(store, runs["ceval:submission"].id)
    assert made == {
        subject: {str(i): answer for i, answer in enumerate(mine.answer)} for subject, mine in table.groupby("subject")
    }
    assert set(made) == set(SUBJECTS)
    done = export(whole, "m", "--task", "ceval:submission-generate", "-o", str(out))
    assert "have no answer that could be read" in done.output  # four tokens of a random model
    assert {answer for mine in json.loads(out.read_text("utf-8")).values() for answer in mine.values()} <= set(
        "ABCD"
    ) | {""}


def _as_if_whole(path: Path, folder: Path) -> Path:
    """The same store with cards that know of nine questions."""
    import sqlite3

    copy = folder / "whole.db"
    with sqlite3.connect(path) as before, sqlite3.connect(copy) as after:
        before.backup(after)
        after.execute("UPDATE exams SET card = json_set(card, '$.n', 9)")
    return copy


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["m", "--task", "ceval:submission-texts"], "has answers to 4 of 9 questions"),
        (["m", "--task", "ceval:nothing"], "'m' has no run of ceval:nothing"),
        (["m", "--task", "ceval:submission~circular"], "asks changed questions, which nobody takes in"),
        (["m", "--task", "ceval:submission", "--tasks", "ceval:test"], "leave one of the two out"),
        (["nobody"], "matches 'nobody'"),
    ],
)
def test_what_can_not_be_handed_in_is_refused(
    work: tuple[Path, dict[str, Run]], tmp_path: Path, words: list[str], sentence: str
) -> None:
    refused = export(work[0], *words, "-o", str(tmp_path / "x.json"))
    assert isinstance(refused.exception, UserError)
    assert sentence in str(refused.exception)
    assert not list(tmp_path.iterdir())


def test_a_copy_without_labels_is_an_error_where_they_are_needed(plain: Path) -> None:
    with pytest.raises(UserError, match="task ceval:test has no labels in this copy of split 'test'"):
        exam_of("ceval:test", plain)
    assert {sample.target for sample in exam_of("ceval:submission", plain).samples} == {None}


def test_stock_lm_eval_gives_no_number_where_there_is_no_gold(plain: Path) -> None:
    from lm_eval.api.model import LM
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    class Always(LM):  # type: ignore[misc]  # lm_eval has no types
        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            return [(-1.0, False) for _ in requests]

        def generate_until(self, requests: list[Any]) -> list[str]:
            raise NotImplementedError

        loglikelihood_rolling = generate_until

    folder = Path(__file__).resolve().parents[1] / "tasks"
    manager = TaskManager(include_path=str(folder), include_defaults=False, metadata={"data": str(plain)})
    found = simple_evaluate(Always(), tasks=["ceval_submission"], task_manager=manager, bootstrap_iters=0)["results"]
    assert not [name for name in found["ceval_submission"] if name.startswith("acc")]


# -- lm-eval's own ------------------------------------------------------------------------------------------------


def stock(subject: str, data: Path, shots: int) -> Any:
    """lm-eval's own Task of a subject, from its own YAML, with the rows of a local copy instead of the hub's."""
    import datasets
    import lm_eval
    import yaml
    from lm_eval.api.task import ConfigurableTask

    from harness import files

    folder = Path(str(lm_eval.__file__)).parent / "tasks" / "ceval"
    config = {
        **yaml.safe_load((folder / "_default_ceval_yaml").read_text("utf-8")),
        **yaml.safe_load((folder / f"ceval-valid_{subject}.yaml").read_text("utf-8")),
    }
    for key in ("include", "dataset_path", "dataset_name"):
        config.pop(key)

    def local(**_: Any) -> dict[str, Any]:
        archive = data / "ceval" / "ceval-exam.zip"
        splits = {s: [dict(row) for row in files.rows(archive, f"{s}/{subject}_{s}.csv")] for s in ("dev", "val")}
        return {split: datasets.Dataset.from_list(rows) for split, rows in splits.items()}

    task = ConfigurableTask(config={**config, "custom_dataset": local, "num_fewshot": shots})
    task.set_fewshot_seed(1234)
    task.build_all_requests(limit=None, rank=0, world_size=1)
    return task


def compare(data: Path, subjects: tuple[str, ...], shots: int) -> int:
    """Every prompt, option and gold of these subjects against lm-eval's; how many questions there were."""
    exam = load.load(catalogue.find(["ceval@lm-eval"])[0], data, options={"shots": shots})
    settings = prompts.settings(exam.task, True, {"shots": shots})
    count = 0
    for subject in subjects:
        samples = [sample for sample in exam.samples if sample.subject == subject]
        task = stock(subject, data, shots)
        theirs: dict[int, list[Any]] = {}
        for instance in task.instances:
            theirs.setdefault(instance.doc_id, []).append(instance)
        for sample, prompt, group in zip(
            samples, prompts.prompts(exam, settings, samples), theirs.values(), strict=True
        ):
            assert prompt.options is not None
            assert [(prompt.text, option) for option in prompt.options] == [instance.args for instance in group]
            assert "ABCD"[task.doc_to_target(group[0].doc)] == sample.target
            count += 1
    return count


@pytest.mark.parametrize("shots", [0, 5])
def test_lm_evals_own_ceval_asks_the_same(plain: Path, shots: int) -> None:
    assert compare(plain, SUBJECTS, shots) == 9


@pytest.mark.data
def test_lm_evals_own_ceval_asks_the_same_of_real_questions(data: Path) -> None:
    assert compare(data, ("high_school_biology", "physician"), 0) == 68


def test_lm_evals_own_ceval_gets_the_same_numbers(
    work: tuple[Path, dict[str, Run]], checkpoint: Path, plain: Path
) -> None:
    from lm_eval.models.huggingface import HFLM

    path, runs = work
    with open_store(path, mode="ro") as store:
        table = read.table(store, runs["ceval@lm-eval"].id)
        (headline,) = [
            r for r in read.results(store, runs["ceval@lm-eval"].id) if (r.metric, r.slice) == ("accuracy", "")
        ]
    model = HFLM(pretrained=str(checkpoint), dtype="float32", device="cpu", batch_size=4)
    right = []
    for subject in dict.fromkeys(table.subject):
        task = stock(subject, plain, 0)
        said = model.loglikelihood(task.instances, disable_tqdm=True)
        by_question = [said[at : at + 4] for at in range(0, len(said), 4)]
        ours = table[table.subject == subject].logprobs
        docs = list(task.eval_docs)
        for doc, stock_said, logprobs in zip(docs, by_question, ours, strict=True):
            assert logprobs == pytest.approx([value for value, _ in stock_said], abs=1e-4)
            right.append(task.process_results(doc, stock_said)["acc"])
    assert len(right) == 9
    assert headline.value == pytest.approx(sum(right) / 9)
    assert list(table.value) == right


def test_a_named_version_is_beside_the_numbered_ones_and_never_the_newest() -> None:
    (ours,), (theirs,) = catalogue.find(["ceval"]), catalogue.find(["ceval@lm-eval"])
    assert (ours.key, ours.average, ours.settings["shots"]) == ("ceval", "macro", 5)
    assert (theirs.key, theirs.average, theirs.settings["shots"]) == ("ceval@lm-eval", "micro", 0)
    assert {"ceval", "ceval@lm-eval", "ceval:test", "ceval:submission"} <= {task.key for task in catalogue.tasks()}
    assert [task.key for task in catalogue.find(["ceval", "ceval@lm-eval", "ceval@1"])] == ["ceval", "ceval@lm-eval"]


# -- CMMLU --------------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_cmmlu_is_67_subjects_in_four_categories_and_what_is_specific_to_china(data: Path) -> None:
    exam = exam_of("cmmlu", data)
    assert (len(exam.samples), len({s.subject for s in exam.samples}), exam.task.average) == (11582, 67, "macro")
    subjects = {sample.subject: sample.categories for sample in exam.samples}
    counted = Counter(category for categories in subjects.values() for category in categories)
    assert counted == {"STEM": 17, "Humanities": 13, "Social Science": 22, "Other": 15, "China specific": 15}
    assert all(len(shots) == 5 for shots in exam.shots.values())
    medical = exam_of("cmmlu_med", data)
    same = [sample for sample in exam.samples if sample.subject in {s.subject for s in medical.samples}]
    assert [(s.question, s.target) for s in sorted(same, key=lambda s: s.subject)] == [
        (s.question, s.target) for s in sorted(medical.samples, key=lambda s: s.subject)
    ]
    settings = prompts.settings(exam.task, False, {})
    ours: list[Prompt] = list(prompts.prompts(exam, settings, same[:3]))
    theirs = list(prompts.prompts(medical, settings, [s for s in medical.samples if s.subject == "anatomy"][:3]))
    assert [prompt.text for prompt in ours] == [prompt.text for prompt in theirs]


@pytest.mark.data
def test_the_subjects_of_cmmlu_are_those_in_the_zip(data: Path) -> None:
    from tasks import cmmlu

    with zipfile.ZipFile(data / "cmmlu" / "cmmlu.zip") as archive:
        names = {Path(name).stem for name in archive.namelist() if name.startswith("test/") and name.endswith(".csv")}
    assert names == set(cmmlu.SUBJECTS)
    assert set(cmmlu.SUBJECTS) > cmmlu.CHINA
