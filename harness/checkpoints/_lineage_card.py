"""The model card that a trainer writes: base, data sets, hyperparameters and versions, out of README.md.

Example: LLaMA-Factory started from the command line leaves no other record of its learning rate than the card's line
`- learning_rate: 5e-05`; axolotl puts its whole YAML file into the card. Trap: a downloaded model has a card too, which
people wrote; only one with a trainer's own marks counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.checkpoints._lineage_files import parse_yaml
from harness.checkpoints._lineage_values import text

TRAINERS = {
    "llama-factory": "LLaMA-Factory",
    "axolotl": "axolotl",
    "trl": "TRL",
    "ms-swift": "ms-swift",
    "swift": "ms-swift",
}
METHODS = ("grpo", "gkd", "dpo", "orpo", "kto", "sft")  # tags of TRL, the more telling first
FRONT = re.compile(r"\A\s*---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
AXOLOTL = re.compile(r"axolotl version: `([^`\n]{1,40})`\s*\n```yaml\n(.*?)\n```", re.DOTALL)
SETTING = re.compile(r"^- ([a-z_]{2,40}): (.{1,200})$", re.MULTILINE)
VERSION = re.compile(r"^- ([A-Za-z][\w-]{1,20}):? (\d[\w.+!-]{0,40})$", re.MULTILINE)
ON = re.compile(
    r"This model is a fine-tuned version of \[([^\]\n]{1,200})\][^\n]{0,400}? on (?:the )?([^\n]{1,400}?) datasets?\.?$",
    re.MULTILINE,
)
LINKED = re.compile(r"\[([^\]]+)\]\([^)]*\)")
GENERATED = ("model card has been generated automatically", "has been trained using [TRL]", "### Framework versions")
PACKAGES = {"pytorch": "torch"}


@dataclass(frozen=True)
class Card:
    trainer: str | None = None
    method: str | None = None
    base: str | None = None
    data: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)  # by the names of transformers
    versions: Mapping[str, str] = field(default_factory=dict)
    axolotl: Mapping[str, Any] = field(default_factory=dict)  # its YAML


def parse(readme: str) -> Card | None:
    """What a card tells of a training; None for a card that no trainer wrote."""
    if not any(mark in readme for mark in GENERATED):
        return None
    front = FRONT.match(readme)
    meta = parse_yaml(front[1]) if front else {}
    tags = [tag.lower() for tag in _texts(meta.get("tags"))]
    axolotl = AXOLOTL.match(_from(readme, "axolotl version: `", 100_000))
    trainer = "axolotl" if axolotl else next((TRAINERS[tag] for tag in tags if tag in TRAINERS), None)
    if trainer is None and "has been trained using [TRL]" in readme:
        trainer = "TRL"
    _, _, hyper = readme.partition("### Training hyperparameters")
    _, _, framework = readme.partition("### Framework versions")
    versions = {PACKAGES.get(n.lower(), n.lower()): v for n, v in VERSION.findall(framework[:2000])}
    if axolotl:
        versions["axolotl"] = axolotl[1]
    said = ON.match(_from(readme, "This model is a fine-tuned version of [", 1200).partition("\n")[0])
    return Card(
        trainer=trainer,
        method=next((method for method in METHODS if method in tags), None),
        base=next(iter(_texts(meta.get("base_model"))), None) or (said[1] if said else None),
        data=tuple(_data(meta, said[2] if said else "")),
        settings=dict(SETTING.findall(hyper.partition("\n#")[0][:4000])),
        versions=versions,
        axolotl=parse_yaml(axolotl[2]) if axolotl else {},
    )


def _from(readme: str, mark: str, longest: int) -> str:
    """From the first such place on: a pattern that is tried at thousands of places of a card made for it takes minutes."""
    start = readme.find(mark)
    return readme[start : start + longest] if start >= 0 else ""


def _texts(value: Any) -> list[str]:
    members = value if isinstance(value, list) else [value]
    return [found for member in members[:64] if (found := text(member))]


def _data(meta: Mapping[str, Any], said: str) -> list[str]:
    """The data sets of the front matter; else those of the sentence "a fine-tuned version of … on the a, the b dataset"."""
    if listed := [name for name in _texts(meta.get("datasets")) if name != "generator"]:
        return listed
    plain = LINKED.sub(r"\1", said)
    parts = (part.strip().removeprefix("the ").strip() for part in re.split(r", | and (?=the )", plain))
    return [part for part in parts if part not in ("", "None", "unknown", "an unknown", "generator")]
