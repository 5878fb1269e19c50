"""One task, two readers: how tasks/NAME.py is shown to stock lm-eval, and the raw prompt that both sides send.

A task's YAML names these functions (`custom_dataset: !function harness.dialect.dataset`), so one file serves
`bench run --tasks ceval` and `lm_eval --include_path tasks --tasks ceval`.
Trap: lm-eval's few-shot sampler never sees the question when shots come from another split (it put law examples in
front of biology), so the shots are rendered into the row and `num_fewshot` stays 0; `TaskManager(metadata={"data":
DIR, "shots": 5})` is how both reach the loader.

The smallest module that is a task (a demo makes its rows by code; others read them from `find("questions")`):

    def rows(find, split): yield {"question": "1+1=?", "answer": "2", "subject": "sums", "language": "en"}
    def intro(row): return ""
    def ask(row): return f"{row['question']}\\nAnswer:"      # ends exactly where the answer begins
    def answer(row): return f" {row['answer']}"             # what a solved example shows there
    def gold(row): return row["answer"]
    def options(row): return []                             # continuations to score, where ask is letters or texts
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from harness import files, plugins
from harness.errors import UserError
from harness.records import Response, Sample

Find = Callable[..., Path]  # find("questions") or find("questions", subject="law"): where a file of the card lies
Row = Mapping[str, Any]
SHOT_GAP = "\n\n"  # between solved examples, and between the last one and the question


class TaskModule(Protocol):
    """What tasks/NAME.py offers; every function is pure."""

    def rows(self, find: Find, split: str) -> Iterator[dict[str, Any]]: ...
    def intro(self, row: Row) -> str: ...
    def ask(self, row: Row) -> str: ...
    def answer(self, row: Row) -> str: ...
    def gold(self, row: Row) -> str: ...
    def options(self, row: Row) -> list[str]: ...


# -- both sides -----------------------------------------------------------------------------------------------


def module(card: Path, name: str = "") -> TaskModule:
    """The module behind a card: NAME.py beside the YAML, or the one called `name` in tasks/ and its extensions."""
    name = name or card.stem
    beside = card.with_name(f"{name}.py")
    if beside.is_file():
        plugins.extend("tasks", [str(beside.parent.resolve())])
    found = plugins.find("tasks", name)
    if beside.is_file() and not Path(str(found.__file__)).samefile(beside):
        raise UserError(f"{beside}: a task module '{name}' exists already ({found.__file__}); rename yours")
    return cast(TaskModule, found)


def finder(roles: Mapping[str, Mapping[str, str]], data: Path | None, task: str, hub: str) -> Find:
    """What a module's `rows` gets to find its files with."""

    def find(role: str, **parts: str) -> Path:
        return files.locate(roles[role], data, task, hub, **parts)

    return find


def by_subject(rows: Iterable[dict[str, Any]], count: int) -> dict[str, list[dict[str, Any]]]:
    """The first `count` solved examples of each subject, in file order."""
    chosen: dict[str, list[dict[str, Any]]] = {}
    for row in rows if count else ():
        mine = chosen.setdefault(str(row.get("subject", "")), [])
        if len(mine) < count:
            mine.append(row)
    return chosen


def raw(task: TaskModule, row: Row, shots: Sequence[Row]) -> str:
    """The prompt without a chat template: intro once, solved examples, then the question."""
    solved = "".join(task.ask(shot) + task.answer(shot) + SHOT_GAP for shot in shots)
    return task.intro(row) + solved + task.ask(row)


# -- stock lm-eval only ---------------------------------------------------------------------------------------


def dataset(
    data: str | None = None,
    shots: int | None = None,
    split: str = "",
    hub: str = "huggingface",
    config_source: str = "",
    **card: Any,
) -> dict[str, Any]:
    """The rows of a card as stock lm-eval wants them; lm-eval passes `metadata` (our card) and its own additions."""
    import datasets  # seconds to import, and only stock lm-eval needs it

    source = Path(config_source)
    task = module(source, str(card.get("module", "")))
    find = finder(card.get("files", {}), Path(data) if data else None, str(card.get("name") or source.stem), hub)
    count = int(card.get("settings", {}).get("shots", 0) if shots is None else shots)
    examples = by_subject(task.rows(find, card["shots_split"]), count) if count else {}
    table = []
    for row in task.rows(find, split):
        gold, options = task.gold(row), list(task.options(row))
        table.append(
            {
                "prompt": raw(task, row, examples.get(str(row.get("subject", "")), [])),
                "options": options,
                "gold_index": _letter_index(gold) if options else -1,
                "target": gold,
                "question": str(row["question"]),
                "subject": str(row.get("subject", "")),
                "language": str(row.get("language", "")),
                "scorer": str(card.get("scorer", "")),
            }
        )
    # a Dataset and not a list: ConfigurableTask reads `.features` of the split
    return {split: datasets.Dataset.from_list(table)}


def prompt(row: Row) -> str:
    return str(row["prompt"])


def choices(row: Row) -> list[str]:
    return list(row["options"])


def gold_index(row: Row) -> int:
    return int(row["gold_index"])


def target(row: Row) -> str:
    return str(row["target"])


def graded(row: Row, results: Sequence[str]) -> dict[str, float | None]:
    """`process_results` of generated answers: our own grader inside stock lm-eval."""
    sample = Sample("", 0, str(row["question"]), target=str(row["target"]), language=str(row["language"]))
    scorer = plugins.find("harness.scorers", str(row["scorer"]))
    return {"accuracy": scorer.score(sample, Response("", "", 0, text=results[0])).value}


def _letter_index(letter: str) -> int:
    return ord(letter) - ord("A")
