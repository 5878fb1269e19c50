"""`bench doctor`: examine a checkpoint folder before a GPU hour is spent."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from harness.cli import _options
from harness.cli._echo import echo
from harness.words import listed, say

if TYPE_CHECKING:
    from harness.records import Checkpoint

MARKS = {"refuse": "✗", "warn": "!", "info": "·"}


@click.command("doctor")
@click.argument("path")
@click.option("--base", metavar="CKPT", help="The base of an adapter.")
@click.option("--deep", is_flag=True, help="Also read every weight and load the tokenizer (seconds to minutes).")
@_options.json_option
def command(path: str, base: str | None, deep: bool, as_json: bool) -> int:
    """Examine a checkpoint folder before a GPU hour is spent.

    Exit 2 when `bench run` would refuse it.

    \b
    Example: bench doctor out/checkpoint-500
             bench doctor lora/ --base Qwen/Qwen2.5-0.5B --deep
    """
    from harness.checkpoints import doctor, read

    checkpoint = read.read(path, base=base)
    findings = sorted(doctor.examine(checkpoint, deep=deep), key=lambda f: list(MARKS).index(f.level))
    refused = any(finding.level == "refuse" for finding in findings)
    if as_json:
        _options.print_json({"checkpoint": asdict(checkpoint), "findings": [asdict(f) for f in findings]})
        return 2 if refused else 0
    echo(_summary(checkpoint))
    for finding in findings:
        echo(f"{MARKS[finding.level]} {finding.what}" + (f" ({finding.evidence})" if finding.evidence else ""))
        if finding.remedy:
            echo(f"  → {finding.remedy}")
    if not findings:
        template = "✓ nothing would go wrong that can be seen from outside; --deep reads the weights too"
        if deep:
            template = "✓ nothing would go wrong that can be seen from outside"
        echo(say(template))
    return 2 if refused else 0


def _summary(checkpoint: Checkpoint) -> str:
    from harness.checkpoints import form

    size, parameters = say("size unknown"), say("parameters unknown")
    if checkpoint.bytes is not None:
        size = say("{n:,.1f} MB to serve", n=checkpoint.bytes / 1e6)
    if checkpoint.parameters:
        parameters = say("{n:,.1f} M parameters", n=checkpoint.parameters / 1e6)
    facts = [
        checkpoint.architecture or say("architecture unknown"), parameters, checkpoint.dtype or say("dtype unknown"), size,
    ]  # fmt: skip
    lines: list[str] = [
        f"{checkpoint.name}   {checkpoint.kind}   id {checkpoint.id}",
        say("  {said}", said=listed(facts)),
    ]
    chat = say("chat template") if "template" in checkpoint.parts else say("no chat template")
    template = "  {n} tokens of context, {chat}, stops at ids {ids}"
    context = checkpoint.context_tokens or say("unknown")
    lines.append(say(template, n=context, chat=chat, ids=list(checkpoint.stop_ids)))
    found = form.form(checkpoint)
    lines.append(say("  {kind} ({rule})", kind=form.WORDS[found.kind], rule=found.rule))
    if checkpoint.base_path:
        lines.append(say("  adapter on {path}", path=checkpoint.base_path))
    if checkpoint.lineage and checkpoint.lineage.method:
        made = {"method": checkpoint.lineage.method, "steps": checkpoint.lineage.steps or "?"}
        lines.append(say("  made by {method}, {steps} steps", **made))
    return listed(lines, "\n")
