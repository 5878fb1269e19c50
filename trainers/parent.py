"""The checkpoint that a training starts from: read and examined as `bench run` does, its tokenizer fit to train with.

Example: open_parent(recipe, Path("recipes")) -> Parent(checkpoint=…, template_text="{% for …", stop_ids=(151645,), …).
Traps: without an eos no answer can learn to end, so such a tokenizer is refused; a missing pad costs nothing, since padding
is masked by place and never by id, so an existing token is taken for it and the embedding is never enlarged. An adapter as
parent is merged (in float32, in memory) for a full training, and refused for a new adapter: that needs whole weights under it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.checkpoints import cached, doctor, template
from harness.errors import EngineFailure, UserError
from harness.records import Checkpoint
from harness.words import say
from trainers import _export_files
from trainers.recipe import Lora, Recipe

PADS = (
    "<|finetune_right_pad_id|>",
    "<|pad|>",
    "<pad>",
    "[PAD]",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<unk>",
    "<|dummy_0|>",
)
QUESTION = ({"role": "user", "content": "1+1=?"},)


@dataclass(frozen=True)
class Parent:
    checkpoint: Checkpoint
    tokenizer: Any
    template_text: str | None  # None: asked and trained raw
    stop_ids: tuple[int, ...]  # at which answers of the trained checkpoint end
    notes: tuple[str, ...] = ()  # said before the training


def open_parent(recipe: Recipe, folder: Path) -> Parent:
    """`folder`: of the recipe file; nothing of the weights is read but their hash."""
    checkpoint, notes = read_examined(placed(recipe.parent, folder))
    if checkpoint.kind == "adapter" and recipe.adapter:
        raise UserError(
            f"parent {checkpoint.name} is an adapter, and a new adapter needs whole weights under it; merge it first "
            "(export.merge = true in the recipe that made it) and give the merged folder"
        )
    if checkpoint.quantization and not (recipe.adapter and recipe.adapter.quantise):
        raise UserError(
            f"parent {checkpoint.name} is quantised ({checkpoint.quantization}), and such weights can't learn; give the "
            "checkpoint that it was made from"
        )
    tokenizer = _tokenizer(checkpoint)
    if tokenizer.eos_token_id is None:
        raise UserError(
            f"the tokenizer of {checkpoint.name} has no eos_token, so no answer would learn to end; name it in "
            "tokenizer_config.json"
        )
    text, said = _template(recipe, folder, checkpoint, tokenizer)
    notes += [*said, *_pad(tokenizer)]
    return Parent(checkpoint, tokenizer, text, _export_files.stop_ids(checkpoint, tokenizer, text), tuple(notes))


def placed(text: str, folder: Path) -> str:
    """A path relative to the recipe, where one lies there; else what was given: a hub id."""
    beside = folder / Path(text).expanduser()
    return str(beside) if beside.exists() else text


def read_examined(named: str) -> tuple[Checkpoint, list[str]]:
    """A checkpoint that a recipe names, and the doctor's warnings."""
    try:
        checkpoint = cached.read(named)
        return checkpoint, examined(checkpoint)
    except UserError as error:
        if "--base PATH" not in str(error):  # an option of `bench run`
            raise
        wrong = str(error).rpartition("; ")[0]
        raise UserError(
            f"{wrong}; name its folder as base_model_name_or_path in adapter_config.json of {named}"
        ) from None


def examined(checkpoint: Checkpoint) -> list[str]:
    """The doctor's warnings; what it refuses is refused."""
    notes: list[str] = []
    for finding in doctor.examine(checkpoint):
        if finding.level == "refuse":
            raise UserError(f"{checkpoint.name}: {finding.what}; {finding.remedy}")
        if finding.level == "warn":
            notes.append(say("{name}: {facts}", name=checkpoint.name, facts=f"{finding.what}; {finding.remedy}"))
    return notes


def _tokenizer(checkpoint: Checkpoint) -> Any:
    from harness.engines._folder import load_tokenizer

    return load_tokenizer(checkpoint)


def _template(recipe: Recipe, folder: Path, checkpoint: Checkpoint, tokenizer: Any) -> tuple[str | None, Sequence[str]]:
    own = template.text(checkpoint)
    if recipe.template is None:
        return own, []
    file = folder / Path(recipe.template).expanduser()
    try:
        text = file.read_text("utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UserError(f"template {file} can't be read: {why}; give a jinja file") from None
    if own is not None and own != text:
        raise UserError(
            f"parent {checkpoint.name} has a chat template of its own, and another one would undo what it knows; leave "
            "template out"
        )
    try:
        rendered = template.render(text, QUESTION, {}, add_generation_prompt=True)
    except Exception as error:  # a template is a program and may fail in any way
        raise UserError(f"template {file} can't be rendered: {str(error)[:120]}") from None
    if QUESTION[0]["content"] not in rendered:
        raise UserError(f"template {file} drops the question; it must write message.content")
    tokenizer.chat_template = text
    return text, [
        say("chat template of {file}, since {name} has none", file=file.name, name=checkpoint.name)
    ] if own is None else []


def _pad(tokenizer: Any) -> Sequence[str]:
    """A pad where there is none: a token that exists, and spare if one is."""
    if tokenizer.pad_token_id is not None:
        return []
    known = tokenizer.get_vocab()
    spare = next((t for t in PADS if t in known and t != tokenizer.eos_token), tokenizer.eos_token)
    tokenizer.pad_token = spare
    return [say("the tokenizer has no pad token; {token} pads, and is masked by its place", token=spare)]


# -- weights ------------------------------------------------------------------------------------------------


def load(checkpoint: Checkpoint, *, bfloat16: bool, device: str, lora: Lora | None = None) -> Any:
    """The weights in memory; an adapter merged into its base in float32 first."""
    import torch

    from harness.engines._hf_weights import refuse_unknown, weights_of, with_adapter

    refuse_unknown(checkpoint)
    if lora and lora.quantise:
        return _quantised(checkpoint, device)
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    try:
        if checkpoint.kind == "adapter":
            model = with_adapter(weights_of(checkpoint, torch.float32), checkpoint).merge_and_unload().to(dtype)
            model.requires_grad_(True)  # PEFT had frozen them under the adapter
        else:
            model = weights_of(checkpoint, dtype)
    except EngineFailure:
        raise UserError(
            f"{checkpoint.name} does not fit into memory; a smaller parent, or a machine with more"
        ) from None
    return _named(model, checkpoint)


def _named(model: Any, checkpoint: Checkpoint) -> Any:
    """By its own folder, not by the one of links that it was loaded from."""
    model.name_or_path = model.config._name_or_path = checkpoint.path
    return model


def _quantised(checkpoint: Checkpoint, device: str) -> Any:
    """QLoRA (Dettmers et al. 2023): the base in 4 bits of the NF4 kind."""
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise UserError(
            "lora.quantise needs bitsandbytes, which is not installed; pip install bitsandbytes, or leave it out"
        )
    if device == "cpu":
        raise UserError("lora.quantise needs a GPU; leave it out on a CPU")
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from harness.engines._temporary import view

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    with view(Path(checkpoint.path or "")) as folder:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, quantization_config=config, dtype=torch.bfloat16, device_map={"": 0}, trust_remote_code=False
        )
    return _named(model, checkpoint)


def adapter_config(model: Any, lora: Lora) -> Any:
    """PEFT's, after a look whether the model has the modules that are named."""
    from peft import LoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    if targets != "all-linear":
        _present([name for name, _ in model.named_modules()], targets)
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        use_rslora=lora.rslora,
        bias="none",
        task_type="CAUSAL_LM",
    )


def _present(modules: Iterable[str], targets: str | list[str]) -> None:
    known = sorted({name.rpartition(".")[2] for name in modules} - {""})
    known = [name for name in known if not name.isdigit()]
    if isinstance(targets, str):
        try:
            if not any(re.fullmatch(targets, name) for name in modules):
                raise UserError(f"lora.targets '{targets}' matches no module of the parent; it has {', '.join(known)}")
        except re.error as error:
            raise UserError(f"lora.targets '{targets}' is no regular expression: {error}") from None
        return
    for target in targets:
        if target.endswith("lm_head"):
            raise UserError("lora.targets has lm_head, which TRL trains without its adapter; leave it out")
        if not any(name == target or name.endswith(f".{target}") for name in modules):
            near = difflib.get_close_matches(target, known, n=3, cutoff=0.5) or known
            raise UserError(f"lora.targets: the parent has no module {target}; it has {', '.join(near)}")


# -- the teacher of a logit distillation --------------------------------------------------------------------


def open_teacher(recipe: Recipe, folder: Path, parent: Parent) -> Parent:
    """A checkpoint with the parent's vocabulary, or a sentence."""
    teacher = recipe.teacher
    if teacher is None or teacher.model is None:
        raise UserError(
            "logitkd learns from a teacher's probabilities, so it needs teacher.model = a checkpoint on this machine; "
            'from a server or a file of answers, use method = "seqkd"'
        )
    checkpoint, notes = read_examined(placed(teacher.model, folder))
    tokenizer = _tokenizer(checkpoint)
    theirs, ours = tokenizer.get_vocab(), parent.tokenizer.get_vocab()
    other = sorted(t for t in theirs.keys() & ours.keys() if theirs[t] != ours[t])
    shared = len(theirs.keys() & ours.keys())
    if other or shared < 0.98 * min(len(theirs), len(ours)):
        why = (
            f"{other[0]!r} is {theirs[other[0]]} there and {ours[other[0]]} here"
            if other
            else f"{shared:,} tokens in common"
        )
        raise UserError(
            f"teacher {checkpoint.name} and parent {parent.checkpoint.name} have different vocabularies ({why}); logitkd "
            'needs the same one, method = "seqkd" does not'
        )
    return Parent(checkpoint, tokenizer, template.text(checkpoint), checkpoint.stop_ids, tuple(notes))
