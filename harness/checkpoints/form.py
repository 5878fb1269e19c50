"""Base or chat? Said of a checkpoint before it is asked, with the rule that fired; it warns and decides nothing else.

The first rule that fires: the token it stops at, how it was made, its configuration, its name, its template.
Example: Qwen2.5-0.5B ships a ChatML template and stops at <|endoftext|>: base. Qwen2.5-0.5B-Instruct stops at
<|im_end|> too: chat. Llama-2 stops at </s> either way: base without a template, chat with one.
Trap: a rule that gets better with time must not change what is asked, or old runs could not be met again: whether a
prompt is raw or templated follows from the template and the task alone (questions/prompts.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from harness.checkpoints import _tokens, served, template
from harness.checkpoints._folder import table
from harness.records import Checkpoint
from harness.words import say

TURN_ENDS = frozenset({
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<end_of_turn>", "<turn|>", "<|end|>", "<|return|>",
    "<|end_of_turn|>", "<|END_OF_TURN_TOKEN|>", "[|endofturn|]", "<|endofturn|>", "<eoa>", "<|eoa|>",
    "<|EOT|>", "<|role_end|>", "<|endofassistant|>",
})  # fmt: skip
SPEAKERS = frozenset({"<|user|>", "<|observation|>"})  # GLM stops where the next one begins to speak, even pretrained
CHAT_METHODS = frozenset({"sft", "dpo", "orpo", "kto", "simpo", "cpo", "ipo", "ppo", "grpo", "rloo", "rlhf"})
BASE_METHODS = frozenset({"pretrain", "pretraining", "pt", "cpt"})
BASE_NAME = re.compile(r"(?<![a-z])(?:base|pt|pretrain(?:ed)?)(?![a-z])", re.IGNORECASE)
CHAT_NAME = re.compile(
    r"chat|instruct|(?<![a-z])(?:it|sft|dpo|rlhf|distill|alpaca|vicuna|tulu|zephyr)(?![a-z])", re.IGNORECASE
)
WORDS = {"base": say("a base model"), "chat": say("a chat model"), "unknown": say("base or chat unknown")}
CARD_TAG = re.compile(r"^- ([a-z]+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Form:
    kind: Literal["base", "chat", "unknown"]
    rule: str  # what it was seen by, as the end of "a base model: …"


@dataclass(frozen=True, slots=True)
class Signs:
    """What the files of a checkpoint show, read once: a tokenizer.json may have 35 MB."""

    stops: frozenset[str]  # as texts, as far as the files name them
    template: bool
    closing: str | None  # the stop token with which the template ends a turn
    missed: str | None  # the token with which it ends a turn, where that is no stop token
    names: tuple[str, ...]

    @property
    def stop(self) -> str:
        return ", ".join(sorted(self.stops)) or "a token without a name"

    def named(self, pattern: re.Pattern[str]) -> bool:
        return any(map(pattern.search, self.names))


def form(checkpoint: Checkpoint) -> Form:
    """JSON files and the template are read, never weights."""
    if checkpoint.kind == "endpoint":
        return Form("unknown", say("an endpoint does not show its files"))
    if checkpoint.path is None:
        return Form("unknown", say("no folder is known"))
    signs = _signs(checkpoint)
    return (
        _by_stop(signs)
        or _by_history(checkpoint)
        or _by_configuration(checkpoint)
        or (None if checkpoint.kind == "adapter" else _by_name(signs, BASE_NAME, "base"))
        or _by_template(signs)
        or _by_name(signs, CHAT_NAME, "chat")
        or _by_origin(checkpoint)
        or _by_what_is_lacking(checkpoint, signs)
    )


def mismatch(found: Form, *, chat: bool, generates: bool, has_template: bool) -> str | None:
    """What is odd about asking such a model so, and what to do; None where nothing is. Raw letters suit everybody."""
    if chat and not generates:
        return say(
            "options are scored behind a chat template, where a model would begin a sentence (one model had 73.0 on C-Eval"
            " raw and 48.4 so); --chat-template off asks raw, as lm-eval does"
        )
    if chat and found.kind == "base":
        return say(
            "a base model is asked through a chat template, which it was hardly trained on; --chat-template off asks it"
            " raw, and both runs are kept"
        )
    if generates and not chat and found.kind == "chat":
        template = (
            "a chat model is asked raw, where it may run on or answer nothing; put its chat_template into the folder"
        )
        if has_template:
            template = (
                "a chat model is asked raw, where it may run on or answer nothing; --chat-template on asks through its template, "
                "and both runs are kept"
            )
        return say(template)
    return None


def _by_stop(signs: Signs) -> Form | None:
    ends = sorted(signs.stops & TURN_ENDS)
    return Form("chat", say("it stops at {token}, which ends a turn", token=ends[0])) if ends else None


def _by_history(checkpoint: Checkpoint) -> Form | None:
    lineage = checkpoint.lineage
    method = (lineage.method or "").lower() if lineage else ""
    if lineage and lineage.template_sha:
        return Form("chat", say("its lineage says that it was trained through a template"))
    if method in CHAT_METHODS:
        return Form("chat", say("its lineage says {method}", method=method))
    if method in BASE_METHODS:
        return Form("base", say("its lineage says {method}", method=method))
    tag = next((tag for tag in _card_tags(Path(checkpoint.path or "")) if tag in CHAT_METHODS), None)
    if tag:
        return Form("chat", say("its README.md is tagged {tag}", tag=tag))
    parent = _parent(checkpoint)
    return Form("chat", f"an adapter on a chat model: {parent.rule}") if parent and parent.kind == "chat" else None


def _by_configuration(checkpoint: Checkpoint) -> Form | None:
    generation = table(served.generation_folder(checkpoint) / served.GENERATION)
    if generation.get("chat_format") == "raw":  # the first Qwen
        return Form("base", "generation_config.json says chat_format raw")
    if generation.get("chat_format") == "chatml":
        return Form("chat", "generation_config.json says chat_format chatml")
    if "assistant_token_id" in generation:  # Baichuan
        return Form("chat", "generation_config.json has an assistant_token_id")
    return None


def _by_name(signs: Signs, pattern: re.Pattern[str], kind: Literal["base", "chat"]) -> Form | None:
    if not signs.named(pattern):
        return None
    though = f", though its template ends a turn with {signs.missed}, where it does not stop" if signs.missed else ""
    return Form(kind, "its name says so" + (though if kind == "chat" else ""))


def _by_template(signs: Signs) -> Form | None:
    if signs.closing:
        return Form("chat", f"its chat template ends a turn with {signs.closing}, where it stops")
    speakers = sorted(signs.stops & SPEAKERS)
    return Form("chat", f"it stops at {speakers[-1]}, where the next turn begins") if speakers else None


def _by_origin(checkpoint: Checkpoint) -> Form | None:
    origin = table(Path(checkpoint.path or "") / "config.json").get("_name_or_path")
    if isinstance(origin, str) and CHAT_NAME.search(origin):
        return Form("chat", f"config.json says that it was made from {Path(origin).name}")
    return None


def _by_what_is_lacking(checkpoint: Checkpoint, signs: Signs) -> Form:
    parent = _parent(checkpoint)
    if parent is not None:
        return Form("unknown", f"an adapter on a {parent.kind} model ({parent.rule}); nothing says what it learned")
    if signs.missed:
        rule = f"its template ends a turn with {signs.missed}, but it stops at {signs.stop}"
        trained = checkpoint.lineage is not None and checkpoint.lineage.method is not None
        trained = trained or (Path(checkpoint.path or "") / "training_args.bin").is_file()
        return Form("unknown", f"it was trained further, yet {rule}") if trained else Form("base", rule)
    if not signs.template:
        return Form("base", f"it has no chat template and stops at {signs.stop}")
    return Form("unknown", f"it has a chat template and stops at {signs.stop}, which ends texts and turns alike")


def _parent(checkpoint: Checkpoint) -> Form | None:
    """The form of an adapter's base."""
    if checkpoint.kind != "adapter" or checkpoint.base_path is None:
        return None
    folder = Path(checkpoint.base_path)
    return form(Checkpoint("", folder.name, "full", str(folder), stop_ids=_tokens.stop_ids(folder)))


def _signs(checkpoint: Checkpoint) -> Signs:
    folder = served.tokenizer_folder(checkpoint)
    added = _added(folder, _changed(folder / "tokenizer.json"))
    stops = _stops(checkpoint, folder, added)
    after = (template.closing(checkpoint) or "").lstrip()
    end = max((t for t in {*added, *TURN_ENDS, *stops} if t and after.startswith(t)), key=len, default=None)
    return Signs(
        stops=stops,
        template=template.text(checkpoint) is not None,
        closing=end if end in stops else None,
        missed=end if stops and end not in stops else None,
        names=(checkpoint.name, Path(checkpoint.path or "").name),
    )


@lru_cache(maxsize=16)
def _added(folder: Path, changed: int) -> dict[str, int]:
    """Sixteen adapters share the tokenizer of their base; `changed` tells when it is another one."""
    return _tokens.added(folder)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _stops(checkpoint: Checkpoint, folder: Path, added: dict[str, int]) -> frozenset[str]:
    """Where generation_config.json says what ends a text, config.json is not asked: some pretrained models carry the
    list of their instruction-tuned sisters there."""
    generation = table(served.generation_folder(checkpoint) / served.GENERATION)
    wanted = set(_tokens.ids(generation.get("eos_token_id"))) or set(checkpoint.stop_ids)
    known = {number: text for text, number in added.items()}
    if wanted - known.keys():
        known |= {number: text for text, number in _tokens.vocabulary(folder).items()}
    end = _tokens.special(folder, "eos_token")
    return frozenset({known[number] for number in wanted & known.keys()} | ({end} if end else set()))


def _card_tags(folder: Path) -> list[str]:
    """The tags of a model card, where trainers (TRL, LLaMA-Factory) write how they trained: `- sft`."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            parts = file.read(10_000).split("---")
    except OSError:
        return []
    return CARD_TAG.findall(parts[1]) if len(parts) > 2 and not parts[0].strip() else []
