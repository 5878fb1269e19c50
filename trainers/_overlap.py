"""What the rows of a training hold of the exams that checkpoints are ranked by; see `bench contam` for files.

Example: said: "sft.jsonl holds 3 questions of demo_math word for word and 5 nearly"; in the lineage's data
{"name": "sft.jsonl", …, "overlap": {"demo_math": {"exact": 3, "near": 5, "partial": 20}}}.
Only what is trained on is looked at: a row that cleaning dropped does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness import identity
from harness._contamination_rows import Text, TrainingRow
from harness.contamination import Check, Questions
from harness.records import Exam
from harness.words import listed, say
from trainers.rows import Prepared

LEVELS = ("exact", "near", "partial")


def checked(
    prepared: Prepared, exams: Sequence[Exam], said: Callable[[str], None], keep: Callable[[Check], None] | None
) -> tuple[Mapping[str, Any], ...]:
    """The sources with a hash of the rows that they gave, and their overlaps; each source's check is given to `keep`."""
    questions, found = Questions(exams) if exams else None, []
    for source in prepared.sources:
        rows = [e.row for phase in prepared.phases for e in phase if e.row.source == source["name"]]
        # a row that is trained twice is looked at once
        texts = dict.fromkeys((row.number, "\n".join(t["content"] for t in row.messages), row.reply) for row in rows)
        told = [TrainingRow(number, number, Text(asked, reply)) for number, asked, reply in sorted(texts)]
        # not the file's: the next training may take other rows of it
        source = {**source, "trained_sha": identity.digest([[asked, reply] for _, asked, reply in sorted(texts)])}
        if questions is None:
            found.append(source)
            continue
        check = replace(questions.check_rows(told, str(source["name"]), source["trained_sha"]), rows=len(told))
        counts = {one.exam.task.key: {level: one.count(level) for level in LEVELS} for one in check.exams}
        found.append({**source, "overlap": counts})
        said(_sentence(str(source["name"]), counts))
        if keep is not None:
            keep(check)
    return tuple(found)


def _sentence(name: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    some = [
        say("{exact:,} of {task} word for word and {near:,} nearly", exact=n["exact"], near=n["near"], task=task)
        for task, n in counts.items()
        if n["exact"] or n["near"]
    ]
    if some:
        template = "{name} holds questions that checkpoints are ranked by: {what}; scores on them count for little"
        return say(template, name=name, what=listed(some))
    return say("{name} holds no question of {tasks}", name=name, tasks=listed(counts))
