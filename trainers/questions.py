"""Questions to learn from, out of a task's own train or dev split and worded exactly as `bench run` asks them.

Example: `read(Source(task="gsm8k"), data=Path("data"))[0]` asks "Question: …\\nReason step by step …\\nAnswer:" and its reply
is the worked solution, "… The final answer is \\\\boxed{72}."; `Source(task="ceval")` gives the dev questions, five a subject.
Traps: a split that a card ranks on is refused whatever it is called (CMATH ranks on "dev"), and so is one called val or
test; and some task modules give their test questions whatever split they are asked for, which is found by the questions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import dialect, plugins
from harness.errors import MissingData, UserError
from harness.questions import catalogue, checks, load, prompts
from harness.records import Exam, Prompt, Sample, Task
from harness.text import language
from trainers.recipe import Source
from trainers.rows import Row

IN_WORDS = "choice"  # the scorer of options that are answered in words
UNCHECKED = "text"  # a scorer that asks for no gold, so that one bad row of a large split is no reason to refuse it
LEAD = "lead"  # field of a sample: the space between a raw prompt and its answer
SAME = 0.5  # of a split's questions that are the test's: then it is the test
_HELD_OUT = re.compile(r"(?:^|[^a-z])(?:test|val|valid|validation|eval)(?:[^a-z]|$)")
_EXPLAINED = {"zh": "解析：", "en": "Explanation: "}


@dataclass(frozen=True, slots=True)
class Split:
    """A task and the split of it that a source means."""

    task: Task
    split: str
    held_out: bool  # somebody is ranked on it, or its name says so
    name: str  # in a lineage: "gsm8k train", "ceval dev"; by it a board sees that a test was trained on


def read(
    source: Source, *, data: Path | None = None, hub: str = "huggingface", train_on_test: bool = False
) -> list[Row]:
    """The rows of a task's split, with what a scorer needs to grade an answer; UserError for val and test.

    Choice tasks are learnt in the words that `bench run` scores: the letter (or the option's text) behind the question,
    and below it the explanation where the file has one.
    """
    chosen = resolve(source)
    if chosen.held_out and not train_on_test:
        raise UserError(
            f"data {chosen.name}: checkpoints are ranked on questions like these; train on another split, or pass"
            " --train-on-test (train_on_test = true), and the board will say so"
        )
    exam = _graded(_exam(chosen, data, hub), chosen)
    samples = exam.samples if chosen.held_out else _others(exam.samples, chosen, data, hub)
    module = dialect.asker(exam.task)
    settings = prompts.settings(exam.task, True, {"chat": True})
    scorer = exam.task.scorer if exam.task.ask == "generate" else IN_WORDS
    return [
        Row(
            messages=_messages(prompt),
            reply=_reply(module, sample, listed=exam.task.ask != "texts"),
            source=chosen.name,
            number=number,
            role=source.role,
            language=sample.language or language(sample.question) or "en",
            sample=replace(sample, fields={**sample.fields, LEAD: _lead(module.answer(sample.fields))}),
            scorer=scorer,
        )
        for number, (sample, prompt) in enumerate(
            zip(samples, prompts.prompts(exam, settings, samples), strict=True), 1
        )
    ]


def raw(row: Row) -> tuple[str, str]:
    """Prompt and reply of a row for a parent without a chat template, as `bench run` asks one: plain text, one after the other.

    "…Answer:" is followed by " 18", "…答案：" by "A": a model's tokens for a word depend on the space before it.
    """
    *earlier, last = row.messages
    before = [m["content"] for m in earlier if m["role"] == "system"]
    asked = last["content"]
    if turns := [m for m in earlier if m["role"] != "system"]:
        zh = row.language == "zh"
        names = {"user": "用户：" if zh else "User: ", "assistant": "助手：" if zh else "Assistant: "}
        said = "".join(f"{names[m['role']]}{m['content']}\n" for m in [*turns, last])
        asked = said + names["assistant"].rstrip()
    lead = row.sample.fields.get(LEAD) if row.sample else None
    return "".join(f"{text}\n\n" for text in before) + asked, str(lead or "") + row.reply


def on_test(sources: Iterable[Source]) -> tuple[str, ...]:
    """The sources that are a val or test split, by their names: for Lineage.on_test. Files and train splits are none."""
    chosen = (resolve(source) for source in sources if source.task)
    return tuple(dict.fromkeys(one.name for one in chosen if one.held_out))


def held_out(name: str) -> bool:
    """Whether rows of this `Row.source` are questions that checkpoints are ranked on; of a file nothing is known."""
    task, _, split = re.sub(r" #\d+$", "", name).rpartition(" ")  # "gsm8k train #2": named by two sources
    found = [card for card in catalogue.tasks() if card.name == task.partition(":")[0]]
    return bool(found) and _held_out(found[0], split)


def resolve(source: Source) -> Split:
    """Which task and split a source names; no data is read. `split = "train"` means the card's own where it has none."""
    if not source.task:
        raise UserError("a data source names neither a file (path) nor a task; give it one of the two")
    task = _task(source.task)
    split = source.split
    if split == "train" != task.shots_split and task.shots_split and not _held_out(task, task.shots_split):
        split = task.shots_split  # C-Eval calls it dev
    known = _splits(task)
    if split not in known:
        mine = [name for name in known if not _held_out(task, name)]
        instead = f"its splits to learn from: {', '.join(mine)}" if mine else "there is none to learn from"
        raise UserError(
            f"task {task.key} has no split '{split}' here; {instead} (ranked or held out: "
            f"{', '.join(name for name in known if name not in mine)})"
        )
    form = (
        "" if task.form in ("", *known) else f":{task.form}"
    )  # ceval:test is a split, medqa_zh:4options other questions
    return Split(task, split, _held_out(task, split), f"{task.name}{form} {split}")


def _task(name: str) -> Task:
    found = catalogue.find([name])
    if len(found) > 1:
        raise UserError(
            f"{name} is a group; give each of its tasks ({', '.join(t.key for t in found)}) its own [[data]]"
        )
    (task,) = found
    if task.variant:
        raise UserError(f"{name} is made of the questions that {task.name} ranks on; train on {task.name} itself")
    if task.kind != "ours" or task.ask == "rolling":
        what = "a task of lm-eval" if task.kind != "ours" else "a text to predict"
        raise UserError(
            f"{name} is {what}, whose questions can't be trained on here; give a file of rows (path) instead"
        )
    return task


def _splits(task: Task) -> list[str]:
    """Those that the cards of these questions declare, and only those: a module may ignore a name that it doesn't know."""
    cards = [task, *(card for card in catalogue.tasks() if card.name == task.name)]
    return list(dict.fromkeys(s for card in cards for s in (card.shots_split, card.split) if s))


def _held_out(task: Task, split: str) -> bool:
    ranked = {card.split for card in [task, *catalogue.tasks()] if card.name == task.name}
    return split in ranked or bool(_HELD_OUT.search(split.lower()))


def _exam(chosen: Split, data: Path | None, hub: str) -> Exam:
    """The split as an exam without solved examples: those would be its own questions."""
    task = replace(
        chosen.task, shots_split="", settings={**chosen.task.settings, "shots": 0}, scorer=UNCHECKED,
        labelled=chosen.task.labelled or chosen.split != chosen.task.split,
    )  # fmt: skip
    exam = load.load(task, data, hub, {"split": chosen.split})
    return replace(exam, task=replace(exam.task, scorer=chosen.task.scorer))


def _graded(exam: Exam, chosen: Split) -> Exam:
    """Without rows whose gold is none of the options or can't be read by the grader: among 180,000 there are some."""
    lint = getattr(plugins.find("harness.scorers", exam.task.scorer), "lint", None)

    def gradable(sample: Sample) -> bool:
        if sample.target is None or checks.not_an_option(exam.task, sample):
            return False
        return not (lint and lint(sample.target))

    fit = [gradable(sample) for sample in exam.samples]
    if lost := fit.count(False):
        if lost > SAME * len(fit):  # no slips: the file is not what the card takes it for
            checks.golds(exam.task, [sample.fields for sample in exam.samples], exam.samples)
        first = exam.samples[fit.index(False)]
        where = checks.where(exam.task, first.fields, first.position)
        text = f"{lost} rows without a gold that can be graded are left out (first {where})"
        warnings.warn(f"data {chosen.name}: {text}", stacklevel=3)
    kept = tuple(sample for sample, good in zip(exam.samples, fit, strict=True) if good)
    return replace(exam, samples=kept)


def _others(samples: tuple[Sample, ...], chosen: Split, data: Path | None, hub: str) -> tuple[Sample, ...]:
    """Without the questions that the task ranks on: a row may stand in both splits, or the module may know only one."""
    ranked = replace(chosen, split=chosen.task.split, task=replace(chosen.task, labelled=False))
    try:
        with warnings.catch_warnings(action="ignore"):  # of questions that are not trained on
            tested = {sample.id for sample in _exam(ranked, data, hub).samples}
    except MissingData:
        return samples
    kept = tuple(sample for sample in samples if sample.id not in tested)
    if len(samples) - len(kept) > SAME * len(samples):
        raise UserError(
            f"task {chosen.task.key} gives questions of its '{chosen.task.split}' split when it is asked for "
            f"'{chosen.split}', so there is nothing to learn from; let rows(find, split) of its module tell them apart"
        )
    return kept


def _messages(prompt: Prompt) -> tuple[Mapping[str, str], ...]:
    return tuple({"role": role, "content": content} for role, content in prompt.messages or ())


def _lead(answer: str) -> str:
    return answer[: len(answer) - len(answer.lstrip())]


def _reply(module: dialect.TaskModule, sample: Sample, listed: bool) -> str:
    """An explanation speaks of the options by their letters, so it stands where these are `listed`."""
    fields: Mapping[str, Any] = sample.fields
    said = module.answer(fields).strip()
    explained = "\n".join(str(fields.get("explanation") or "").split("\r\n")).strip()
    if not explained or not sample.choices or not listed:
        return said
    return f"{said}\n{_EXPLAINED['en' if sample.language == 'en' else 'zh']}{explained}"
