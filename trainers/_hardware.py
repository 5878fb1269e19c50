"""What the machine allows: precision, rows computed at once, gradient checkpointing; each with its reason, in a sentence.

Example: a LoRA on 0.5 B weights, rows of 1,000 tokens, a card of 24 GB -> 16 rows at once: 1.1 GB for the weights, 0.2 GB
a row. Trap: logit distillation holds the scores of the whole vocabulary, of teacher and student, several times over: at
152,000 tokens that is 10 MB a token, more than all the rest of a small model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from harness.errors import UserError
from harness.words import say
from trainers.recipe import Optim

SHARE = 0.85  # of what is free: the estimate is one, and allocators keep some
STATE_BYTES = {"adamw": 8, "muon": 5, "adafactor": 1}  # kept by the optimiser for each trained weight, float32
HIDDEN_NUMBERS, MIDDLE_NUMBERS = 10, 5  # kept of one token in one layer, per unit of either width, with usual kernels
VOCABULARY_COPIES = 6  # of the scores of student and teacher, in float32, that a divergence keeps
HEAD_NUMBERS = 8192  # of a fused head: scores are made in tiles


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a training runs."""

    device: Literal["cpu", "cuda"]
    name: str
    free_bytes: int
    bfloat16: bool  # it has units for it
    cards: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be trained, as far as memory goes."""

    parameters: int
    trained: int  # of these; all for full training
    hidden: int
    middle: int  # width of the layers' inner part
    layers: int
    vocabulary: int
    longest: int  # tokens of the longest row
    whole_scores: bool = False  # the method needs all scores of the vocabulary
    other_parameters: int = 0  # of a teacher, or of a frozen copy of the parent
    bits: int = 32  # of one frozen weight: 32, 16, or 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """How it is computed. per_device * accumulation rows make one optimiser step."""

    device: str
    bfloat16: bool
    checkpointing: bool
    per_device: int
    accumulation: int
    reasons: tuple[str, ...]


def machine() -> Machine:
    """This one; with several cards, the first."""
    import torch

    from harness.engines._hf_memory import machine_bytes

    if not torch.cuda.is_available():
        return Machine("cpu", "CPU", machine_bytes()[0], False)
    free, _ = torch.cuda.mem_get_info(0)
    # not is_bf16_supported(), which says yes to cards that only emulate it
    units = torch.cuda.get_device_capability(0) >= (8, 0) or torch.version.hip is not None
    return Machine("cuda", torch.cuda.get_device_name(0), free, units, torch.cuda.device_count())


def precise(optim: Optim, here: Machine) -> tuple[bool, str]:
    """Whether to compute in bfloat16, and why."""
    if optim.precision == "float32":
        return False, say("{dtype}, as optim.precision says", dtype="float32")
    if optim.precision == "bfloat16":
        if here.device == "cuda" and not here.bfloat16:
            raise UserError(f"{here.name} has no bfloat16 units; leave optim.precision out, or set it to float32")
        return True, say("{dtype}, as optim.precision says", dtype="bfloat16")
    if here.device == "cpu":
        return False, say("float32, since this is a CPU")
    if here.bfloat16:
        return True, say("bfloat16, which {card} has", card=here.name)
    return False, say("float32: {card} has no bfloat16", card=here.name)


def choose(load: Load, optim: Optim, here: Machine, rows: int | None = None) -> Chosen:
    """Precision, checkpointing and rows at once; `rows`: of one step, where they are not optim.batch."""
    bfloat16, why = precise(optim, here)
    checkpointing = here.device == "cuda" if optim.gradient_checkpointing is None else optim.gradient_checkpointing
    whole = rows or optim.batch
    reasons = [say("precision {why}", why=why), *([say("gradient checkpointing is on")] if checkpointing else [])]
    fixed, each = weights_bytes(load, optim), row_bytes(load, bfloat16, checkpointing)
    if optim.per_device is not None:
        if whole % optim.per_device:
            raise UserError(
                f"optim.per_device {optim.per_device} does not divide the {whole} rows of a step; use one of "
                f"{', '.join(str(n) for n in range(1, whole + 1) if not whole % n)}"
            )
        return Chosen(
            here.device, bfloat16, checkpointing, optim.per_device, whole // optim.per_device,
            (*reasons, say("{rows} rows at once, as optim.per_device says", rows=optim.per_device)),
        )  # fmt: skip
    room = here.free_bytes * SHARE - fixed
    free = {"free": _gigabytes(here.free_bytes), "card": here.name, "longest": load.longest}
    if room < each:
        template = "{needed} for the weights and one row of {longest:,} tokens is more than the {free} free on {card}: it may not fit"
        reasons.append(say(template, needed=_gigabytes(fixed + each), **free))
    fits = max(1, int(room // each))
    at_once = max(n for n in range(1, min(whole, fits) + 1) if not whole % n)
    template = "{rows} of {whole} rows at once: {fixed} for weights and optimiser, {each} a row of {longest:,} tokens, {free} free on {card}"
    counts = {"rows": at_once, "whole": whole, "fixed": _gigabytes(fixed), "each": _gigabytes(each)}
    reasons.append(say(template, **counts, **free))
    return Chosen(here.device, bfloat16, checkpointing, at_once, whole // at_once, tuple(reasons))


def weights_bytes(load: Load, optim: Optim) -> int:
    """Weights, gradients, and what the optimiser keeps."""
    frozen = load.parameters - min(load.trained, load.parameters)
    trained = load.trained * (4 + 4 + STATE_BYTES[optim.optimizer])
    return int(frozen * load.bits / 8 + trained + load.other_parameters * min(load.bits, 32) / 8)


def row_bytes(load: Load, bfloat16: bool, checkpointing: bool) -> int:
    """What one row of the longest kind keeps between the forward and the backward pass."""
    size = 2 if bfloat16 else 4
    layer = (HIDDEN_NUMBERS * load.hidden + MIDDLE_NUMBERS * load.middle) * size
    kept = load.layers * load.hidden * size + layer if checkpointing else load.layers * layer
    scores = load.vocabulary * 4 * VOCABULARY_COPIES if load.whole_scores else min(load.vocabulary, HEAD_NUMBERS) * 4
    return load.longest * (kept + scores)


def halved(chosen: Chosen) -> Chosen:
    """The same with half of the rows at once, as far as that divides."""
    whole = chosen.per_device * chosen.accumulation
    fewer = max(n for n in range(1, max(1, chosen.per_device // 2) + 1) if not whole % n)
    return replace(chosen, per_device=fewer, accumulation=whole // fewer)


def load_of(model: Any, trained: int, longest: int, bits: int, **more: Any) -> Load:
    """From a model in memory; a name that its configuration lacks counts for the largest it can be."""
    inner = model.config.get_text_config()
    hidden = int(getattr(inner, "hidden_size", 0) or 4096)
    return Load(
        parameters=sum(p.numel() for p in model.parameters()),
        trained=trained,
        hidden=hidden,
        middle=int(getattr(inner, "intermediate_size", 0) or 4 * hidden),
        layers=int(getattr(inner, "num_hidden_layers", 0) or 32),
        vocabulary=int(getattr(inner, "vocab_size", 0) or 2**17),
        longest=longest,
        bits=bits,
        **more,
    )


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
