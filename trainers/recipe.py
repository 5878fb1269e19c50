"""A recipe: everything that makes a checkpoint from its parent, as one TOML file with an answer to every key.

Example: `parent = "Qwen/Qwen2.5-0.5B-Instruct"`, `method = "lora"`, `[[data]] path = "sft.jsonl"` is a whole recipe; what
it leaves out has the defaults below. TOML, since YAML reads `8e-5` as a string. A list where one value belongs (`lora.r =
[4, 8, 16]`) is an ablation: see `trainers.ablation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Method = Literal["lora", "full", "seqkd", "logitkd", "grpo"]


@dataclass(frozen=True)
class Source:
    """Training rows: a file (`path`) or a task's own train split (`task`), one of the two."""

    path: str | None = None  # Alpaca, ShareGPT or messages; jsonl, json, csv, parquet, .gz; relative to the recipe
    task: str | None = None  # questions of a task of `bench tasks`, asked exactly as the task asks them
    split: str = "train"  # of a task; its val and test are refused without train_on_test
    role: Literal["domain", "general"] = "domain"  # the two sides of mix.ratio
    format: Literal["auto", "alpaca", "sharegpt", "messages", "question"] = "auto"
    limit: int | None = None  # rows taken, after cleaning, by the seed
    subjects: tuple[str, ...] = ()  # rows of these subjects only; of a file, the rows nearest to them
    per_subject: int | None = None  # rows kept for each subject; of a file, the nearest ones
    like: str | None = None  # a task: keep the rows most related to its training questions
    keep: int | None = None  # rows that `like` keeps


@dataclass(frozen=True)
class Clean:
    """What is done to rows before training; every step counts what it changed or dropped."""

    strip_thinking: bool = True  # `<think>…</think>` goes, an unclosed one drops the row
    strip_markers: bool = True  # leftovers such as `### Response:` at the ends of a text go
    deduplicate: bool = True  # one row per question; the first stays
    system: str = "keep"  # keep | none | by_language | a text put before every conversation that has none
    system_zh: str = "你是一个有用的助手，请用中文回答。"  # by_language: questions with Chinese in them
    system_en: str = "You are a helpful assistant."
    min_tokens: int = 1  # of a reply
    max_tokens: int = 2048  # of prompt and reply; longer rows are dropped, never cut: a cut row has lost its eos
    max_dropped: float = 0.5  # share of the rows of one source whose loss stops the training


@dataclass(frozen=True)
class Mix:
    ratio: str | None = None  # domain : general, such as "7:3"; None takes all rows as they are
    by: Literal["rows", "tokens"] = "rows"
    schedule: Literal["mixed", "progressive"] = "mixed"  # progressive: general first, then domain


@dataclass(frozen=True)
class Teacher:
    """Who answers the questions of the data: a checkpoint, a server, or a file of answers that exist already."""

    model: str | None = None  # folder or hub id
    endpoint: str | None = None  # http://…/v1
    served_model: str | None = None
    answers: str | None = None  # file written from `bench prompts`: rows of id or question and answer
    engine: Literal["auto", "hf", "vllm"] = "auto"
    samples: int = 4  # answers asked per question; 1 is greedy
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 1024
    keep: Literal["verified", "all"] = "verified"  # verified: the task's own scorer says right
    paraphrases: int = 0  # other wordings of each question asked of the teacher, answered and verified too


@dataclass(frozen=True)
class Lora:
    r: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    targets: str | tuple[str, ...] = "all-linear"
    quantise: bool = False  # QLoRA: the base in 4 bits, by bitsandbytes
    rslora: bool = False


@dataclass(frozen=True)
class Optim:
    learning_rate: float = 8e-5
    epochs: float = 3.0
    steps: int | None = None  # instead of epochs
    batch: int = 16  # rows that one optimiser step sees
    per_device: int | None = None  # rows computed at once; None: by the card's memory
    warmup: float = 0.03  # share of the steps
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    optimizer: Literal["adamw", "muon", "adafactor"] = "adamw"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    gradient_checkpointing: bool | None = None  # None: on a GPU
    packing: bool = False


@dataclass(frozen=True)
class Distil:
    """Logit distillation (GKD, Agarwal et al. 2024, arXiv:2306.13649)."""

    lmbda: float = 0.0  # share of batches that the student writes itself; 0 learns from the data's replies
    beta: float = 0.5  # of the generalised Jensen-Shannon divergence; 0 forward KL, 1 reverse KL
    temperature: float = 1.0


@dataclass(frozen=True)
class Grpo:
    """Group relative policy optimisation (Shao et al. 2024, arXiv:2402.03300); rewards are scorers of the harness."""

    rewards: tuple[str, ...] = ()  # scorers, such as ["number"]; empty: the task's own
    weights: tuple[float, ...] = ()
    generations: int = 8
    max_tokens: int = 512
    temperature: float = 1.0
    beta: float = 0.0  # weight of the KL to the parent


@dataclass(frozen=True)
class Watched:
    """A held-out slice of the data, answered and graded while the training goes on."""

    held_out: int = 64  # rows kept out of the training
    every: int | None = None  # steps between two looks; None: ten looks in all
    max_tokens: int = 256
    stop_on_collapse: bool = True  # answers below a third of their first length, or empty, twice in a row
    patience: int | None = None  # looks without a better score before stopping; None never stops for it


@dataclass(frozen=True)
class Export:
    merge: bool = False  # of a LoRA: also write merged weights
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # of stored weights; auto: the parent's
    each_epoch: bool = False  # a checkpoint per epoch, each with its lineage


@dataclass(frozen=True)
class Recipe:
    parent: str  # the checkpoint to start from: folder (relative to the recipe) or hub id
    method: Method
    data: tuple[Source, ...]
    name: str | None = None  # on the board; None: the recipe file's stem
    note: str | None = None  # one line for the experiment log
    seed: int = 0
    seeds: int = 1  # replicates: seed, seed + 1, …
    template: str | None = None  # chat template (jinja file) for a parent that has none
    train_on_test: bool = False  # lets val and test splits in; the board says so
    clean: Clean = field(default_factory=Clean)
    mix: Mix = field(default_factory=Mix)
    teacher: Teacher | None = None  # of seqkd and logitkd
    lora: Lora | None = None  # given: seqkd, logitkd and grpo train an adapter too
    optim: Optim = field(default_factory=Optim)
    distil: Distil = field(default_factory=Distil)
    grpo: Grpo = field(default_factory=Grpo)
    watch: Watched = field(default_factory=Watched)
    export: Export = field(default_factory=Export)

    @property
    def adapter(self) -> Lora | None:
        """The LoRA that is trained; None where all weights are."""
        trained = self.method == "lora" or (self.method != "full" and self.lora is not None)
        return (self.lora or Lora()) if trained else None

    @property
    def merges(self) -> bool:
        """Whether merged weights are written beside an adapter."""
        return self.export.merge and self.adapter is not None
