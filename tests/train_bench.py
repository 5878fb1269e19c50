"""A small training workshop for tests: rows in token ids, a parent as trainers see it, a real Trainer over both.

Example: `parent = parent_of(tiny_checkpoint)`; `train(model, sums(parent, range(12)), callbacks=[watching], max_steps=6)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.checkpoints import read, template
from harness.engines._folder import load_tokenizer
from harness.records import Checkpoint, Sample
from trainers.recipe import Recipe
from trainers.rows import Example, Row
from trainers.watch import Look, Step


@dataclass
class Parent:
    checkpoint: Checkpoint
    tokenizer: Any
    template_text: str | None

    @property
    def folder(self) -> Path:
        return Path(self.checkpoint.path or "")


@dataclass
class Heard:
    """A Watch that remembers."""

    sentences: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def said(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def looked(self, look: Look) -> None:
        self.looks.append(look)


def parent_of(folder: Path) -> Parent:
    checkpoint = read.read(folder)
    return Parent(checkpoint, load_tokenizer(checkpoint), template.text(checkpoint))


def example(parent: Parent, question: str, reply: str, number: int = 1, gold: str | None = None) -> Example:
    """`gold`: graded as a number."""
    turns = [{"role": "user", "content": question}]
    tokens = parent.tokenizer
    text = tokens.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    prompt = tokens.encode(text, add_special_tokens=False)
    learnt = tokens.encode(f"{reply}{tokens.eos_token}\n", add_special_tokens=False)
    sample = None if gold is None else Sample(f"s{number}", number, question, target=gold, language="en")
    row = Row(tuple(turns), reply, "rows.jsonl", number, sample=sample, scorer=gold and "number")
    return Example((*prompt, *learnt), len(prompt), row)


def sums(parent: Parent, numbers: Iterable[int], reply: str = "{n}") -> list[Example]:
    """`4 + 1 = ?` and its answer, graded."""
    return [example(parent, f"{i} + 1 = ?", reply.format(n=i + 1), i, str(i + 1)) for i in numbers]


def model_of(folder: Path, lora: bool = False, dropout: float = 0.0) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if not lora:
        return model
    import peft

    torch.manual_seed(0)
    shape = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM")
    return peft.get_peft_model(model, shape)


def train(
    model: Any,
    rows: Sequence[Example],
    folder: Path,
    callbacks: Sequence[Any] = (),
    resume: str | None = None,
    **how: Any,
) -> Any:
    """A few steps by transformers' own Trainer; returns it."""
    from transformers import Trainer, TrainingArguments

    plan = {
        "max_steps": 6, "per_device_train_batch_size": 4, "learning_rate": 5e-3, "logging_steps": 1, "save_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "use_cpu": True, "seed": 0, "lr_scheduler_type": "constant",
        "warmup_steps": 0,
    }  # fmt: skip
    trainer = Trainer(
        model=model,
        args=TrainingArguments(output_dir=str(folder), **(plan | how)),
        train_dataset=list(rows),
        data_collator=_batch,
        callbacks=list(callbacks),
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def _batch(rows: Sequence[Example]) -> dict[str, Any]:
    import torch

    width = max(len(e.ids) for e in rows)
    labels = [[*[-100] * e.prompt, *e.ids[e.prompt :], *[-100] * (width - len(e.ids))] for e in rows]
    return {
        "input_ids": torch.tensor([[*e.ids, *[0] * (width - len(e.ids))] for e in rows]),
        "attention_mask": torch.tensor([[1] * len(e.ids) + [0] * (width - len(e.ids)) for e in rows]),
        "labels": torch.tensor(labels),
    }


def weights_of(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def recipe(parent: Parent, method: str = "lora", **more: Any) -> Recipe:
    return Recipe(parent=str(parent.folder), method=method, data=(), **more)
