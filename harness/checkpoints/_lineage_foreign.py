"""A lineage from what LLaMA-Factory, ms-swift, axolotl, TRL and any other Hugging Face Trainer leave in their folders.

Example: out/checkpoint-500 of ms-swift -> method lora, recipe {"trainer": "ms-swift", "lora": {"r": 8, …}, "optim": {…}},
data [{"name": "med.jsonl", "rows": 500}], seed 42, steps 500 and the loss up to there. Data are known by name only, so two
files of one name pass for the same. Trap: train_loss of train_results.json is the mean over all steps and no point of the
curve; what the files don't tell stays None.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.checkpoints import _lineage_card, _lineage_keys
from harness.checkpoints._lineage_card import Card
from harness.checkpoints._lineage_files import Traces
from harness.checkpoints._lineage_values import LARGEST, number, place, plain, text, thin, whole
from harness.records import Lineage

ENTRIES = 500_000  # of log_history
SOURCES = 64
RLHF = ("grpo", "dpo", "orpo", "kto", "ppo", "simpo", "cpo", "rm", "gkd")
OURS = {"gkd": "logitkd", "qlora": "lora", "longlora": "lora"}
PARENTS = ("model", "model_name_or_path", "model_id_or_path", "base_model")
CONTINUED = ("adapters", "adapter_name_or_path", "lora_model_dir", "resume_from_checkpoint")


def read(folder: Path) -> Lineage | None:
    """What is told by files alone; None where no trainer left any. Whatever the files hold, nothing is raised."""
    traces = Traces.of(folder)
    card = _lineage_card.parse(traces.card)
    if not (traces.state or traces.results or traces.log or traces.args or traces.adapter or card or _config(traces)):
        return None
    said = [*_tables(traces, card)]
    method = _method(traces, said, card)
    log = list(_log(traces))
    steps = traces.saved_at if traces.saved_at is not None else whole(traces.state.get("global_step"))
    if steps is None and log:
        steps = max((s for e in log if (s := whole(e.get("step"))) is not None), default=None)
    whole_training = traces.saved_at is None
    return Lineage(
        method=method,
        recipe=_recipe(traces, said, card),
        data=tuple(_data(said, card)),
        seed=next((seed for table in said if (seed := whole(table.get("seed"))) is not None), None),
        steps=steps if steps is None or 0 <= steps < LARGEST else None,
        tokens=_tokens(traces, log),
        seconds=_runtime(traces, log) if whole_training else None,
        peak_bytes=_peak(log),
        loss=tuple(_points(log, "loss")),
        versions=_versions(traces, card),
        epochs=_epochs(traces, log),
        ended=_ended(traces, steps) if whole_training else None,
        looks=tuple({"step": step, "loss": loss} for step, loss in _points(log, "eval_loss")),
    )


def parent_place(folder: Path) -> str | None:
    """What the training began from, as its files name it: a path or a hub id; None for one that went on from an adapter."""
    traces = Traces.of(folder)
    card = _lineage_card.parse(traces.card)
    return _parent(traces, [*_tables(traces, card)], card)


# -- settings -----------------------------------------------------------------------------------------------------


def _config(traces: Traces) -> Mapping[str, Any]:
    """A YAML that is a trainer's: many tools call theirs config.yaml."""
    found = traces.config
    ours = {"finetuning_type", "stage"} & found.keys() or ("base_model" in found and {"micro_batch_size", "datasets"} & found.keys())  # fmt: skip
    return found if ours else {}


def _tables(traces: Traces, card: Card | None) -> Iterator[Mapping[str, Any]]:
    """Tables of settings, the most telling first."""
    yield traces.args
    yield _config(traces)
    if card:
        yield card.axolotl
        yield card.settings


def _recipe(traces: Traces, said: Sequence[Mapping[str, Any]], card: Card | None) -> Mapping[str, Any] | None:
    found: dict[str, Any] = {}
    for table in reversed(said):
        found |= _lineage_keys.translated(table, str(table.get("train_type") or table.get("tuner_type") or ""))
    if traces.adapter:  # the very weights that lie here
        own = {k: traces.adapter.get(k) for k in ("r", "lora_alpha", "lora_dropout", "use_rslora", "use_dora")}
        adapted = _lineage_keys.translated({k: v for k, v in own.items() if v is not None})
        targets = _lineage_keys.targets_of(traces.adapter.get("target_modules"))
        asked = found.get("lora.targets")
        found |= adapted | ({"lora.targets": targets} if targets and asked != "all-linear" else {})
        saved = plain(traces.adapter.get("modules_to_save"))
        found |= {"other.modules_to_save": saved} if saved else {}
    elif _tuner(said) != "lora":
        found = {key: value for key, value in found.items() if not key.startswith("lora.")}  # defaults that nobody used
    if parent := _parent(traces, said, card):
        found["parent_name"] = place(parent).rstrip("/").rpartition("/")[2]
    if not found and not traces.state:
        return None
    return _lineage_keys.nested(found | {"trainer": _trainer(traces, card)})


def _trainer(traces: Traces, card: Card | None) -> str:
    if traces.args:
        return "ms-swift"
    config = _config(traces)
    if "finetuning_type" in config or "stage" in config or traces.log:
        return "LLaMA-Factory"
    if "base_model" in config:
        return "axolotl"
    if card and card.trainer:
        return card.trainer
    return "Hugging Face Trainer" if traces.state or traces.results or (card and card.settings) else "PEFT"


def _method(traces: Traces, said: Sequence[Mapping[str, Any]], card: Card | None) -> str | None:
    """lora or full, but for what isn't trained on answers: grpo, dpo and their like go by their own names."""
    asked = [text(table.get(key)) or "" for table in said for key in ("rlhf_type", "rl", "stage")]
    asked += [card.method or ""] if card else []
    for one in asked:
        if one.lower() in RLHF:
            return OURS.get(one.lower(), one.lower())
    if traces.adapter:
        kind = (text(traces.adapter.get("peft_type")) or "LORA").lower()
        return OURS.get(kind, kind)
    return _tuner(said) or ("full" if any((traces.state, traces.results, traces.log, *said)) else None)


def _tuner(said: Sequence[Mapping[str, Any]]) -> str | None:
    """lora, full and the like, by the settings."""
    keys = ("train_type", "tuner_type", "sft_type", "finetuning_type", "adapter")
    named = next((found.lower() for table in said for key in keys if (found := text(table.get(key)))), None)
    return OURS.get(named, named) if named else None


def _parent(traces: Traces, said: Sequence[Mapping[str, Any]], card: Card | None) -> str | None:
    if any(plain(table.get(key)) for table in said for key in CONTINUED[:3]):
        return None
    named = [traces.adapter.get("base_model_name_or_path")]
    named += [table.get(key) for table in said for key in PARENTS]
    named += [card.base] if card else []
    return next((found for one in named if (found := text(one)) and found != "None"), None)


def _data(said: Sequence[Mapping[str, Any]], card: Card | None) -> Iterator[Mapping[str, Any]]:
    """Sources by name; ms-swift's `path#500` takes 500 rows of it."""
    lists = [*(_named(table.get("dataset") or table.get("datasets")) for table in said), card.data if card else ()]
    names = next((found for found in map(list, lists) if found), [])
    for name in dict.fromkeys(names):
        short, _, many = name.rpartition("#")
        rows = whole(many) if short else None
        yield {"name": place(short), "rows": rows} if rows and rows > 0 else {"name": place(name)}


def _named(value: Any) -> Iterator[str]:
    members = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    for member in members[:SOURCES]:
        named = member.get("path") if isinstance(member, dict) else member
        if found := text(named.strip() if isinstance(named, str) else None):
            yield found


def _versions(traces: Traces, card: Card | None) -> dict[str, str]:
    found = {str(text(k)): v for k, v in (card.versions if card else {}).items()}
    swift, peft = (text(table.get(key)) for table, key in ((traces.args, "swift_version"), (traces.adapter, "peft_version")))  # fmt: skip
    return found | ({"ms-swift": swift} if swift else {}) | ({"peft": peft} if peft else {})


# -- what happened ------------------------------------------------------------------------------------------------


def _log(traces: Traces) -> Iterator[Mapping[str, Any]]:
    """Entries of the log up to the step that was saved, in the names of trainer_state.json."""
    history = traces.state.get("log_history")
    entries: Iterable[Any] = history if isinstance(history, list) and history else traces.log
    for entry in itertools.islice(entries, ENTRIES):
        if not isinstance(entry, dict):
            continue
        if "step" not in entry and "current_steps" in entry:
            entry = {**entry, "step": entry["current_steps"], "num_tokens": entry.get("total_tokens")}
        step = whole(entry.get("step"))
        if step is not None and step >= 0 and (traces.saved_at is None or step <= traces.saved_at):
            yield entry


def _points(log: Sequence[Mapping[str, Any]], key: str) -> list[tuple[int, float]]:
    return [*thin([(int(e["step"]), v) for e in log if key in e and (v := number(e[key])) is not None])]


def _tokens(traces: Traces, log: Sequence[Mapping[str, Any]]) -> int | None:
    told = [traces.state.get("num_input_tokens_seen") if traces.saved_at is None or not traces.above else None]
    told += [entry.get(key) for entry in reversed(log[-50:]) for key in ("num_input_tokens_seen", "num_tokens")]
    told += [traces.results.get("num_input_tokens_seen")]
    return next((n for one in told if (n := whole(one)) is not None and n > 0), None)


def _runtime(traces: Traces, log: Sequence[Mapping[str, Any]]) -> float | None:
    told = [*(entry.get("train_runtime") for entry in reversed(log[-50:])), traces.results.get("train_runtime")]
    return next((n for one in told if (n := number(one)) is not None and n >= 0), None)


def _peak(log: Sequence[Mapping[str, Any]]) -> int | None:
    """ms-swift logs the memory of a card in GiB, LLaMA-Factory where it is asked to."""
    told = [n for e in log for key in ("memory(GiB)", "vram_reserved") if (n := number(e.get(key))) is not None and 0 < n < 1e6]  # fmt: skip
    return int(max(told) * 2**30) if told else None


def _epochs(traces: Traces, log: Sequence[Mapping[str, Any]]) -> float | None:
    told = [
        traces.state.get("epoch") if traces.saved_at is None else None,
        *(e.get("epoch") for e in reversed(log[-50:])),
    ]
    return next((n for one in told if (n := number(one)) is not None and n >= 0), None)


def _ended(traces: Traces, steps: int | None) -> str | None:
    planned = whole(traces.state.get("max_steps"))
    if steps is None or planned is None or not 0 < steps < planned:
        return None
    return f"stopped after {steps} of {planned} steps"
