"""What other trainers call their settings -> the keys of our recipes, so that folders of two trainers can be compared.

Example: LLaMA-Factory's `lora_rank: 8`, axolotl's `lora_r: 8`, ms-swift's `lora_rank: 8` and PEFT's `r: 8` are all
`lora.r = 8`; a batch of 2 per device, 4 accumulated, on 3 cards is `optim.batch = 24`. What has no equal here stays under
`other.` by its own name. Trap: ms-swift writes 300 settings, those of a dozen methods that were not used among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.checkpoints._lineage_values import number, plain, text, whole

LINEAR = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
ALL = ("all", "all-linear", "all_linear")
SAME = {  # theirs -> ours, the value as it is
    "learning_rate": "optim.learning_rate", "num_train_epochs": "optim.epochs", "num_epochs": "optim.epochs",
    "per_device_train_batch_size": "optim.per_device", "micro_batch_size": "optim.per_device", "train_batch_size": "optim.per_device",
    "total_train_batch_size": "optim.batch", "warmup_ratio": "optim.warmup", "lr_scheduler_warmup_ratio": "optim.warmup",
    "lr_scheduler_type": "optim.schedule", "lr_scheduler": "optim.schedule", "weight_decay": "optim.weight_decay",
    "max_grad_norm": "optim.max_grad_norm", "gradient_checkpointing": "optim.gradient_checkpointing",
    "packing": "optim.packing", "sample_packing": "optim.packing", "r": "lora.r", "lora_rank": "lora.r", "lora_r": "lora.r",
    "lora_alpha": "lora.alpha", "lora_dropout": "lora.dropout", "use_rslora": "lora.rslora", "peft_use_rslora": "lora.rslora",
    "cutoff_len": "other.max_length", "max_length": "other.max_length", "sequence_len": "other.max_length",
    "max_seq_length": "other.max_length", "template": "other.template", "chat_template": "other.template",
    "use_dora": "other.use_dora", "peft_use_dora": "other.use_dora", "system": "clean.system", "default_system": "clean.system",
}  # fmt: skip
NUMBERS = ("optim.", "lora.r", "lora.alpha", "lora.dropout", "other.max_length")
WORDS = ("optim.schedule", "optim.gradient_checkpointing", "optim.packing", "lora.rslora")
STEPS = ("max_steps", "training_steps")
WARM = ("warmup_steps", "lr_scheduler_warmup_steps")
TARGETS = ("lora_target", "lora_target_modules", "target_modules")
FOUR_BITS = ("quantization_bit", "quant_bits", "load_in_4bit")
READ = {  # told elsewhere in the lineage, or needed only to tell something else
    *STEPS, *WARM, *TARGETS, *FOUR_BITS, "seed", "gradient_accumulation_steps", "num_devices", "global_world_size", "world_size",
    "optim", "optimizer", "bf16", "fp16", "pure_bf16", "model", "model_name_or_path", "base_model", "dataset", "datasets",
    "finetuning_type", "train_type", "tuner_type", "sft_type", "adapter", "stage", "rlhf_type", "rl", "lora_target_linear",
    "lora_target", "swift_version", "eval_batch_size", "total_eval_batch_size", "distributed_type", "mixed_precision_training",
    "task_type", "auto_mapping", "peft_type", "inference_mode", "base_model_name_or_path", "base_model_class", "parent_library",
}  # fmt: skip
OUTWARD = re.compile(  # where it went, what was written down, how fast, and what nobody may read
    r"^(output|out|log|logging|save|saves|eval|evals|evaluation|val|test|do|plot|report|run|hub|push|wandb|mlflow|comet|swanlab|"
    r"ddp|fsdp|deepspeed|dataloader|dataset_(num_proc|prepared_path|dir)|preprocessing|overwrite|resume|cache|disable_tqdm|"
    r"local_rank|rank|local_world_size|ray|jit|torchdynamo|torch_compile|use_(cpu|ipex|mps_device|legacy\w*|hf|liger_kernel)|"
    r"no_cuda|model_(info|meta|suffix|author|name|kwargs|type|dir)|tokenizer_type|trust_remote_code|skip|ignore|add_version|"
    r"create_checkpoint_symlink|strict|debug|tf32|flash_attn|flash_attention|attn_impl|attn_implementation|xformers\w*|"
    r"include|past_index|load_(args|data_args|from_cache_file|best_model_at_end)|metric_for_best_model|greater_is_better|"
    r"max_new_tokens|temperature|top_[pk]|num_beams|stream|logprobs|top_logprobs|stop_words|repetition_penalty|generation\w*|"
    r"predict\w*|vit|aligner|freeze_(llm|vit|aligner)|max_pixels|columns|custom\w*|external_plugins|plugins|liger\w*|peft_version)(_|$)"
)
SECRET = re.compile(r"(^|_)(token|api_key|key|secret|password|passwd|webhook|auth|credentials?)(_|$)")
FAMILIES = ("galore", "adalora", "boft", "vera", "fourier", "reft", "llamapro", "lisa", "lora_ga", "lorap", "apollo", "badam", "pissa", "bnb", "hqq", "ppo", "dpo", "kto", "simpo", "pref")  # fmt: skip
OTHERS = 200


def translated(theirs: Mapping[Any, Any], tuner: str = "") -> dict[str, Any]:
    """Dotted keys of our recipes, and `other.` for the rest, of one trainer's table of settings."""
    found: dict[str, Any] = {}
    others = 0
    for key, value in theirs.items():
        name = text(key)
        if name is None or name in READ or SECRET.search(name):
            continue
        if name in SAME:
            if (kept := _value(SAME[name], value)) is not None:
                found[SAME[name]] = kept
        elif not OUTWARD.match(name) and not _idle(name, tuner) and others < OTHERS:
            kept = plain(value)
            if kept is not None and kept is not False and kept != []:
                found[f"other.{name}"] = kept
                others += 1
    return found | _told_together(theirs)


def _value(ours: str, value: Any) -> Any:
    if ours in WORDS:
        return value if isinstance(value, bool) else (text(value) or "").lower() or None
    if ours.startswith(NUMBERS):
        counted = whole(value) if ours in ("lora.r", "optim.per_device", "optim.batch") else None
        return number(value) if counted is None else counted
    return plain(value)


def _idle(name: str, tuner: str) -> bool:
    """Of a method that was not used: `galore_rank` of a LoRA."""
    return any(name == family or name.startswith(f"{family}_") for family in FAMILIES if family not in tuner)


def _told_together(theirs: Mapping[Any, Any]) -> dict[str, Any]:
    """What several of their settings say together, or in other words."""
    found: dict[str, Any] = {}
    per = next((n for key in ("per_device_train_batch_size", "micro_batch_size", "train_batch_size") if (n := whole(theirs.get(key)))), None)  # fmt: skip
    cards = next((n for key in ("num_devices", "global_world_size", "world_size") if (n := whole(theirs.get(key)))), 1)
    if per and whole(theirs.get("total_train_batch_size")) is None:
        found["optim.batch"] = per * (whole(theirs.get("gradient_accumulation_steps")) or 1) * max(1, cards)
    steps = next((n for key in STEPS if (n := whole(theirs.get(key)))), -1)
    if steps > 0:
        found["optim.steps"] = steps
    warm = next((share for key in WARM if (share := number(theirs.get(key)))), None)
    if warm is not None and warm < 1:  # transformers 5 takes a share here
        found["optim.warmup"] = warm
    elif warm is not None:
        found["other.warmup_steps"] = int(warm)
    optimizer = text(theirs.get("optim")) or text(theirs.get("optimizer"))
    if optimizer:
        found["optim.optimizer"] = _optimizer(optimizer)
    precision = _precision(theirs)
    if precision:
        found["optim.precision"] = precision
    wanted = next((theirs[key] for key in TARGETS if theirs.get(key)), "all" if theirs.get("lora_target_linear") is True else None)  # fmt: skip
    if targets := targets_of(wanted):
        found["lora.targets"] = targets
    if any(whole(theirs.get(key)) == 4 or theirs.get(key) is True for key in FOUR_BITS):
        found["lora.quantise"] = True
    return found


def _optimizer(said: str) -> str:
    """adamw_torch, adamw_torch_fused and adamw_hf compute the same; with states of 8 bits it is another one."""
    named = re.match(r"(?:Use )?(?:OptimizerNames\.)?(\w+)", said)
    name = named[1].lower() if named else said.lower()
    return "adamw" if name in ("adamw", "adamw_torch", "adamw_torch_fused", "adamw_hf") else name


def _precision(theirs: Mapping[Any, Any]) -> str | None:
    if theirs.get("bf16") is True or theirs.get("pure_bf16") is True:
        return "bfloat16"
    if theirs.get("fp16") is True:
        return "float16"
    return "float32" if theirs.get("bf16") is False and theirs.get("fp16") is False else None


def targets_of(value: Any) -> str | list[str] | None:
    """`all-linear`, or the names of the modules in order: PEFT writes a set, and the seven of a Llama for `all`."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    members = sorted({found for member in value if (found := text(member))}) if _short(value) else []
    if not members:
        return None
    return "all-linear" if any(m in ALL for m in members) or {*members} == LINEAR else members


def _short(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, Mapping | bytes) and len(list(value)) <= 1000


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"lora.r": 8} -> {"lora": {"r": 8}}; names under `other` keep their dots."""
    found: dict[str, Any] = {}
    for key in sorted(flat):
        room, _, name = key.partition(".")
        if name:
            found.setdefault(room, {})[name] = flat[key]
        else:
            found[room] = flat[key]
    return found
