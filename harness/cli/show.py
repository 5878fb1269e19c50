"""`bench show`: show a run's scores and some of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.cli.runs import STATUS
from harness.words import heads, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.records import Run
    from harness.store.open import Store


OUTCOMES = {
    "correct": say("correct"), "wrong": say("wrong"), "unparsed": say("unparsed"), "truncated": say("truncated"),
    "empty": say("empty"), "error": say("error"), "ungraded": say("ungraded"),
}  # fmt: skip


@click.command("show")
@click.argument("spec")
@click.option("--wrong", is_flag=True, help="Only answers that scored nothing.")
@click.option("--unparsed", is_flag=True, help="Only answers that could not be read.")
@click.option("--subject", help="Only this subject.")
@click.option("-n", "count", type=click.IntRange(0), default=3, show_default=True, help="Answers to print.")
@click.option("--prompt/--no-prompt", "with_prompt", default=False, help="Print the prompts as they were sent.")
@_options.store_option
@_options.include_option
@_options.json_option
def command(
    spec: str,
    wrong: bool,
    unparsed: bool,
    subject: str | None,
    count: int,
    with_prompt: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """Show a run's scores and some of its answers.

    \b
    Example: bench show ckpt --wrong -n 5
             bench show run:9f3c --subject physician --prompt
    """
    from harness import lookup
    from harness.store.open import open_store

    with open_store(_options.store_path(store), mode="ro") as opened:
        found = []
        for run in lookup.runs(opened, spec):
            samples = _samples(opened, run, wrong, unparsed, subject, count)
            if as_json:
                found.append(_object(opened, run, samples))
            else:
                _print(opened, run, samples, with_prompt)
        if as_json:
            _options.print_json({"runs": found})


def _samples(
    store: Store, run: Run, wrong: bool, unparsed: bool, subject: str | None, count: int
) -> list[dict[str, Any]]:
    from harness.store import read

    kept: list[dict[str, Any]] = []
    for row in read.sample_rows(store, run.id):
        if len(kept) == count:
            break
        if wrong and (row["value"] is None or row["value"] > 0):
            continue
        if unparsed and row["outcome"] not in ("unparsed", "truncated", "empty"):
            continue
        if subject and row["subject"] != subject:
            continue
        kept.append(row)
    return kept


def _object(store: Store, run: Run, samples: list[dict[str, Any]]) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.cli import _report
    from harness.store import read

    return {
        **read.board_row(store, run.id),
        **_report.remarks(store, run.id),
        "settings": asdict(run.settings),
        "peak_bytes": run.peak_bytes,
        "results": [asdict(result) for result in read.results(store, run.id)],
        "samples": samples,
    }


def _print(store: Store, run: Run, samples: list[dict[str, Any]], with_prompt: bool) -> None:
    from harness.cli import _report, _tables
    from harness.store import read

    board = read.board_row(store, run.id)
    about = {"name": f"{board['checkpoint']} × {board['task']}", "run": run.id, "status": STATUS[run.status]}
    template = "{name}   run {run}   {status}, {done}/{expected} answers"
    echo(say(template, **about, done=run.done, expected=run.expected))
    if run.peak_bytes:
        echo(say("the engine held at most {n:,.2f} GB of memory by the end of this run", n=run.peak_bytes / 1e9))
    results = read.results(store, run.id)
    lines = [heads("metric", "of", "value", "95 % interval", "n")]
    for result in results:
        lines.append(
            [
                result.metric,
                result.slice or say("all"),
                _number(result.value),
                _number(result.low) + (f" – {_number(result.high)}" if result.high is not None else ""),
                str(result.n),
            ]
        )
    if len(lines) > 1:
        echo(_tables.table(lines))
    for result in results:
        if not result.slice and "; " in result.method:
            echo(f"{result.metric}: {result.method.partition('; ')[2]}")
    for line in _report.spoken(_report.remarks(store, run.id)):
        echo(line)
    for row in samples:
        tokens = "" if row["output_tokens"] is None else say(" · {n} tokens", n=row["output_tokens"])
        where = say("{subject} {sample}", subject=row["subject"] or say("sample"), sample=row["sample"][:8])
        outcome = OUTCOMES.get(row["outcome"], row["outcome"])
        template = "\n── {where} · {outcome} · stop {stop}{tokens}"
        echo(say(template, where=where, outcome=outcome, stop=row["stop"], tokens=tokens))
        echo(_tables.block(row["prompt"] if with_prompt and row["prompt"] else question(row)))
        echo(_tables.block(f"→ {answer(row)}"))
        template = "read as {answer!r} by rule {rule}; gold {gold!r}"
        echo(say(template, answer=row["answer"], rule=row["rule"], gold=row["target"]))
    echo()


def question(row: Mapping[str, Any]) -> str:
    """The bare question, with its options under it where it has some."""
    options = [f"{chr(ord('A') + i)}. {choice}" for i, choice in enumerate(row["choices"])]
    return "\n".join([row["question"], *options])


def answer(row: Mapping[str, Any]) -> str:
    """What came back: text, or the log-probability of each option in nats."""
    if row["logprobs"] is None:
        return row["error"] or row["text"] or "(empty)"
    return "  ".join(f"{chr(ord('A') + i)} {value:.3f}" for i, value in enumerate(row["logprobs"]))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
