"""The records that travel between rooms: frozen, plain, one meaning each; standard library only.

A maker fills only what it knows. Missing is missing: None (and an outcome word), never 0.0, -1 or NaN.
Lengths are in tokens, durations in seconds, sizes in bytes, log-probabilities in nats; each name says which.

Example: Response(run="9f3c…", sample="07ab…", repeat=0, text="… \\boxed{18}", stop="end", output_tokens=61)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Ask = Literal["letters", "texts", "generate", "rolling"]
Stop = Literal["end", "length", "error"]
Outcome = Literal["correct", "wrong", "unparsed", "truncated", "empty", "error", "ungraded"]  # the last: no gold
Level = Literal["refuse", "warn", "info"]
Status = Literal["running", "done", "interrupted", "failed"]
Judgement = Literal["regressed", "slipped", "ok", "improved", "inconclusive", "not_comparable"]


# -- what is ranked -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lineage:
    """How a checkpoint came to be: the schema of `bench_lineage.json`. Unknown stays None."""

    method: str | None = None  # pretrain | lora | full | seqkd | logitkd | onpolicy | grpo
    recipe: Mapping[str, Any] | None = None  # canonical: defaults filled in, paths replaced by content hashes
    recipe_sha: str | None = None
    parent: str | None = None  # Checkpoint.id
    teacher: str | None = None  # Checkpoint.id, or endpoint + model name
    data: Sequence[Mapping[str, Any]] = ()  # one per source: name, sha, rows, dropped
    seed: int | None = None
    steps: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    loss: Sequence[tuple[int, float]] = ()  # (step, loss), at most 200 points
    template_sha: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    trained_on: tuple[str, ...] = ()  # scorers used as a reward
    on_test: tuple[str, ...] = ()  # val and test splits of tasks that were trained on
    epochs: float | None = None
    ended: str | None = None  # why it stopped before its last step; None: it did not
    looks: Sequence[Mapping[str, Any]] = ()  # the held-out slice on the way: step, score, loss, answer_tokens …
    merge: Mapping[str, Any] | None = None  # merged against unmerged: dtype, kl_nats, argmax_changed, probes
    stop_ids: Mapping[str, Any] | None = None  # {"before": [ids], "after": [ids]}: training may realign them
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder of weights, an adapter on its base, an endpoint, or answers that exist without a model."""

    id: str
    name: str
    kind: str  # base | full | adapter | merged | quantised | endpoint | outputs
    path: str | None = None
    base: str | None = None  # Checkpoint.id of the base of an adapter
    base_path: str | None = None  # where that base lies; not part of the identity
    parts: Mapping[str, str] = field(default_factory=dict)  # weights config tokenizer template generation -> sha
    bytes: int | None = None  # needed to serve: one weight format, adapter + base
    bytes_declared: bool = False  # True: somebody said so (imports, endpoints), nothing was measured
    parameters: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    architecture: str | None = None
    context_tokens: int | None = None
    stop_ids: tuple[int, ...] = ()
    lineage: Lineage | None = None


# -- what is asked ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """A card: everything about a task except its data; read from the YAML header without importing anything."""

    name: str
    form: str = ""  # "" = the default form, "texts" for ceval:texts
    version: str = "1"
    title: Mapping[str, str] = field(default_factory=dict)  # language -> one line
    source: str = ""  # for people: data set, authors, address
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # role -> hub, revision, file, sha256
    split: str = ""
    shots_split: str = ""
    n: int | None = None  # questions in the split, as the card claims
    languages: tuple[str, ...] = ()
    licence: str = ""
    ask: Ask = "generate"
    scorer: str = "number"
    metrics: tuple[str, ...] = ("accuracy",)  # [0] is the headline
    average: Literal["micro", "macro"] = "micro"
    chance: float | None = None  # expected score of guessing, 0..1
    settings: Mapping[str, Any] = field(default_factory=dict)  # shots, max_tokens, temperature, stop …
    path: str | None = None
    variant: str = ""  # "" | circular | labels …
    module: str = ""  # stem of the tasks/MODULE.py behind the card; "" = the YAML's own stem
    kind: Literal["ours", "stock", "imported"] = "ours"
    added: tuple[str, ...] = ()  # metrics that `bench rescore --metric` counts of stored answers, beside the card's own
    labelled: bool = True  # False: a split without public golds, asked to hand the answers in, not to be scored

    @property
    def key(self) -> str:
        """What a user types and a column shows: `ceval`, `ceval:texts`, `ceval~circular`, `ceval@lm-eval`.

        A version with a name is another way to ask beside the numbered ones, and never shares their column.
        """
        asked = self.name + (f":{self.form}" if self.form else "") + (f"~{self.variant}" if self.variant else "")
        named = self.kind == "ours" and not self.version[:1].isdigit()
        return f"{asked}@{self.version}" if named else asked


@dataclass(frozen=True, slots=True)
class Group:
    """A name for several tasks; its score is the plain mean of the members' headlines, which are always shown."""

    name: str
    version: str
    title: Mapping[str, str]
    members: tuple[str, ...]  # Task.key; another membership is another version
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One question with its gold. The id says what is asked; the gold is not in it."""

    id: str
    position: int  # in exam order, 0-based
    question: str
    choices: tuple[str, ...] = ()
    target: str | None = None  # letter(s) for choices, the gold's text for numbers, None without gold
    subject: str = ""
    categories: tuple[str, ...] = ()  # STEM, Hard, grade 3 …
    cluster: str = ""  # questions of one case or passage move together
    language: str = ""  # zh | en
    origin: str = ""  # of a variant: the Sample.id of the question as it was before
    fields: Mapping[str, Any] = field(default_factory=dict)  # the raw row, for stock scorers


@dataclass(frozen=True, slots=True)
class Exam:
    """A task with its data. `id`: what is asked. `key`: the golds. `shots`: subject -> solved examples in order."""

    id: str
    key: str
    task: Task
    samples: tuple[Sample, ...]
    shots: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is asked, after every `auto` is resolved. Hashed whole into Run.id (seed only when sampling)."""

    shots: int = 0
    chat: bool = False  # through the checkpoint's own chat template
    system: str = ""
    think: Literal["on", "off", "default"] = "default"
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0  # 0 = off
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int = 0
    asked: str = "here"  # or "elsewhere:LABEL" for imported answers


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question ready to be asked, the same for every checkpoint. `messages` xor `text`."""

    sample: str
    text: str | None = None  # raw form
    messages: tuple[tuple[str, str], ...] | None = None  # (role, content), the last one the user's
    options: tuple[str, ...] | None = None  # set = return log-probabilities of these continuations
    schema: Mapping[str, Any] | None = None  # a JSON schema that the answer is held to, by engines that can
    language: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    run: str
    checkpoint: str
    sample: str
    repeat: int
    prompt: Prompt
    settings: Settings


# -- what comes back ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Response:
    run: str
    sample: str
    repeat: int
    text: str = ""  # the answer, thinking taken out; "" for option scoring
    thinking: str = ""
    prompt: str | None = None  # as it was really sent, template applied
    prompt_tokens: int | None = None
    output_tokens: int | None = None  # raw generated ids, thinking and stop token included
    thinking_tokens: int | None = None
    stop: Stop = "end"
    seconds: float | None = None
    first_token_seconds: float | None = None  # from being asked to the first token, where the engine tells
    logprobs: tuple[float, ...] | None = None  # per option, nats, summed over its tokens
    option_tokens: tuple[int, ...] | None = None  # tokens per option, for per-token means
    greedy: tuple[bool, ...] | None = None  # per option: would greedy decoding have written it
    error: str | None = None
    notes: tuple[str, ...] = ()  # fallbacks used, left truncation


@dataclass(frozen=True, slots=True)
class Score:
    scorer: str
    version: int | str
    value: float | None  # 0..1; None when there is nothing to grade against
    answer: str | None  # as extracted
    rule: str  # which rule of the scorer fired
    outcome: Outcome
    detail: Mapping[str, Any] = field(default_factory=dict)  # parts of a graded score


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Known before anything is loaded. Only what can change an answer is in it: no workers, no concurrency."""

    id: str
    name: str
    version: str
    dtype: str
    quantization: str | None = None
    device: str = "cpu"  # kind: cpu | NVIDIA H100 …
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    checkpoint: str
    exam: str
    settings: Settings
    engine: str
    attempt: int = 0
    expected: int = 0  # responses asked for: samples × repeats
    done: int = 0
    repeats: int = 1
    status: Status = "running"
    tags: tuple[str, ...] = ()
    environment: str | None = None
    started: str | None = None  # ISO 8601, UTC
    finished: str | None = None
    peak_bytes: int | None = None  # most memory that the engine held by its end; None where it doesn't tell


@dataclass(frozen=True, slots=True)
class Result:
    """A number shown to people: value with its 95 % interval. A cache over scores, never a source."""

    run: str
    metric: str
    version: int
    slice: str  # "" | "macro" | "micro" | "subject:…" | "category:…" | "gold:…"
    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str  # wilson | stratified | t | bootstrap …


# -- what is concluded --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Per-sample values of one metric of one run, in exam order; the input of every verdict."""

    task: str
    metric: str
    checkpoint: str
    fingerprint: Mapping[str, Mapping[str, Any]]  # class (must should own recipe) -> field -> value
    samples: tuple[str, ...]
    values: tuple[float | None, ...]  # repeats averaged; None = not answered or no gold
    repeats: int = 1
    subjects: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    average: Literal["micro", "macro"] = "micro"
    higher_is_better: bool = True
    measures: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)  # health metrics, per sample
    is_mean: bool = True  # False: of F1, BLEU and the like `values` are the grades, to be looked at only
    statistics: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)  # and this what it is made of
    unit: str = ""  # of the metric; "" = not known
    labelled: bool = True  # False: the split has no public golds, so there is nothing to compare
    chance: float | None = None  # expected score of guessing, as the task's card says
    bytes: int | None = None  # needed to serve the checkpoint
    bytes_declared: bool = False  # somebody said so, nothing was measured
    name: str = ""  # the checkpoint's name, for people
    run: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    name: str
    reason: str
    blessed_at: str
    blessed_by: str
    outcomes: tuple[Outcomes, ...]
    accepted: str = ""  # why it was blessed although it was worse than the one before, or couldn't be compared


@dataclass(frozen=True, slots=True)
class Difference:
    field: str
    before: Any
    after: Any
    class_: Literal["must", "should", "own", "recipe"]


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one task, before against after, on the same samples. Values in the metric's unit (0..1)."""

    task: str
    metric: str
    before: float | None
    after: float | None
    change: float | None
    low: float | None  # 90 % two-sided interval: its ends bound the one-sided 5 % tests
    high: float | None
    n: int
    lost: int = 0  # right -> wrong (graded: fell)
    gained: int = 0
    p: float | None = None  # one-sided, "worse"
    p_better: float | None = None
    mde: float | None = None  # smallest drop caught 80 % of the time at one-sided 5 %
    moved: Sequence[Mapping[str, Any]] = ()  # where it moved: subject, n, change, q; drill-down only
    differences: Sequence[Difference] = ()
    method: str = ""
    unit: str = ""  # of the metric; "" = not known


@dataclass(frozen=True, slots=True)
class Finding:
    """What doctor, lint, guards and diagnose all speak: what is wrong, how we know, what to do."""

    source: str
    level: Level
    what: str
    evidence: str = ""
    remedy: str = ""
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One task's line in a verdict."""

    task: str
    metric: str
    judgement: Judgement
    tolerance: float
    p_holm: float | None
    needs_n: int | None  # questions that would settle an inconclusive one
    change: Change | None
    why: str = ""
    rates: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)  # unparsed …: before, after
    false_alarm: float | None = None  # of `rule = "threshold"`: chance of failing without a change
    waived: str = ""  # until when and why it fails knowingly; "" = it counts


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Literal["pass", "fail", "not_comparable", "nothing", "inconclusive"]
    exit_code: int
    sentence: str
    tasks: tuple[Judged, ...]
    guards: tuple[Finding, ...] = ()
    pooled_p: float | None = None
    notes: tuple[str, ...] = ()
    policy_sha: str = ""
    before: str = ""
    after: str = ""
    schema_version: int = 1
    alpha: float = 0.05  # false-alarm budget of the whole gate, one-sided
    seed: int = 0  # of every drawn test
    holm: tuple[tuple[str, float, float], ...] = ()  # the family in its order: member, p, adjusted p
    sides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # task -> both runs and their fingerprints
    first_look: int | None = None  # questions per task that a look before the end was taken at
    anchor: Verdict | None = None  # the same candidate against a second, fixed baseline


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a composite, 0..100; `why` says in a sentence why there is no value."""

    name: str  # AS | CQS | ES | MLS, or as the profile calls it
    weight: float
    value: float | None
    low: float | None  # 95 % of the joint bootstrap; None of a constant such as bytes
    high: float | None
    n: int = 0
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)  # per task, counter, anchors: what a reader asks next


@dataclass(frozen=True, slots=True)
class Overall:
    """A composite score of one checkpoint under one profile. Scores of other shas never share a ranking."""

    profile: str
    profile_sha: str
    checkpoint: str
    name: str
    value: float | None  # 0..100; None when a part is missing
    low: float | None
    high: float | None
    status: Literal["ok", "partial", "below_chance"]  # only ok is ranked
    why: str  # of a status that is not ok
    parts: tuple[Part, ...]
    tasks: tuple[str, ...]
    counter: str = "own"  # tokens that the efficiency part counts: own | neutral
    cqs: str = "rule"  # rule | judge:ID
    runs: tuple[str, ...] = ()
    beside: Mapping[str, float | None] = field(default_factory=dict)  # tokens per right answer, thinking share …
    peers: str = ""  # digest of profile, tasks, questions, golds, counter and cqs: only equal ones are ranked together


@dataclass(frozen=True, slots=True)
class Dominated:
    """A point that another one beats or equals everywhere and beats somewhere; `by` is empty on the front."""

    name: str
    point: tuple[float, ...]
    by: tuple[str, ...] = ()
