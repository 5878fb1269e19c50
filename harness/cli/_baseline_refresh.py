"""`bench baseline refresh`: a baseline's stored answers graded by the scorers of today, and what that moved.

Example: after an upgrade `number@2` reads "1,800" where `number@1` did not: 6 of 250 outcomes of demo_math moved. Without
a refresh every candidate would be refused (exit 4), since it was graded otherwise than the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options, _packed
from harness.cli._echo import echo
from harness.words import heads, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.records import Outcomes
    from harness.store.open import Store

SHOWN = 5  # moved questions of a task that are named


@click.command("refresh")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Show what would move; leave the file as it is.")
@_options.store_option
@_options.include_option
@_options.json_option
def refresh(path: Path, dry_run: bool, store: Path | None, as_json: bool) -> None:
    """Grade a baseline's stored answers by today's scorers and golds, and show what moved.

    PATH is a file, or a name under results/baselines/. No token is spent: the store must hold the runs that were blessed.
    Reason and name stay; the date and the name of who refreshed it are new.

    \b
    Example: bench baseline refresh release
             bench baseline refresh results/baselines/release.json --dry-run
    """
    from harness import evaluate, lookup
    from harness.store import read
    from harness.store.open import open_store
    from harness.verdicts import baseline

    path = _packed.find(path)
    blessed = baseline.load(_packed.text(path), str(path))
    with open_store(_options.store_path(store)) as opened:
        _known(opened, blessed.outcomes, path)
        old = lookup.outcomes(f"file:{path}", opened)
        evaluate.rescore([read.get_run(opened, o.run) for o in old], opened)
        new = [read.outcomes(opened, o.run, o.metric) for o in old]
        orders = _packed.orders(opened, new)
    rows = [_moved(*pair) for pair in zip(old, new, strict=True)]
    content = baseline.dump(
        new, blessed.name, blessed.reason, _packed.now(), _packed.user(), blessed.accepted, orders
    )  # fmt: skip
    changed = any(row["fields"] or row["moved"] or row["measures"] for row in rows)
    if changed and not dry_run:
        _packed.write(path, content)
    if as_json:
        _options.print_json({"file": str(path), "written": changed and not dry_run, "tasks": rows})
        return
    _show(rows)
    state = say("is up to date")
    if changed:
        state = say("would change (--dry-run)") if dry_run else say("written; review and commit it")
    echo(say("{name}: {said}", name=_packed.short(path), said=state))


def _known(store: Store, outcomes: Sequence[Outcomes], path: Path) -> None:
    from harness.errors import UserError
    from harness.store import read

    for o in outcomes:
        if not o.run or not read.list_runs(store, run=o.run):
            raise UserError(
                f"run {o.run[:8] or '(unknown)'} of {o.task} in {path} is not in {store.path}; refresh where its answers are, "
                "or bless another run"
            )


def _moved(old: Outcomes, new: Outcomes) -> dict[str, Any]:
    """What is another value now, in the units of the metric, and which fields of the fingerprint changed."""
    from harness import stats
    from harness.verdicts import audit

    before = dict(zip(old.samples, old.values, strict=True))
    after = dict(zip(new.samples, new.values, strict=True))
    moved = [s for s in after if s not in before or before[s] != after[s]] + [s for s in before if s not in after]
    fields = [
        {"field": d.field, "before": d.before, "after": d.after, "class": d.class_}
        for d in audit.differences(old.fingerprint, new.fingerprint)
    ]
    means = [stats.mean(side.values) for side in (old, new)]
    measures = sorted(
        n for n in old.measures.keys() | new.measures.keys() if old.measures.get(n) != new.measures.get(n)
    )
    return {
        "task": new.task, "metric": new.metric, "run": new.run, "n": len(after), "before": means[0], "after": means[1],
        "moved": len(moved), "up": sum((after.get(s) or 0) > (before.get(s) or 0) for s in moved),
        "down": sum((after.get(s) or 0) < (before.get(s) or 0) for s in moved), "samples": moved[:SHOWN],
        "measures": measures, "fields": fields,
    }  # fmt: skip


def _show(rows: Sequence[dict[str, Any]]) -> None:
    from harness.cli import _tables
    from harness.verdicts import audit

    lines = [heads("task", "n", "before", "after", "moved", "up", "down")]
    for row in rows:
        means = ["–" if row[k] is None else _tables.score(row[k], row["metric"]) for k in ("before", "after")]
        lines.append([row["task"], f"{row['n']:,}", *means, *(str(row[k]) for k in ("moved", "up", "down"))])
    echo(_tables.table(lines))
    for row in rows:
        for field in row["fields"]:
            echo(
                f"{row['task']}: {field['field']} was {audit.shown(field['before'])}, is {audit.shown(field['after'])}"
            )
        if row["measures"]:
            echo(f"{row['task']}: other values of {', '.join(row['measures'])}")
        if row["samples"]:
            more = f" and {row['moved'] - SHOWN} more" if row["moved"] > SHOWN else ""
            echo(f"{row['task']}: moved questions {', '.join(row['samples'])}{more}; `bench show` reads them")
