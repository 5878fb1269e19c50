r"""A board of real answers: 51 models on LawBench, four systems of OpenAI and two of ToRA on GSM8K, 12 medical models, the demo.

Example: `python tests/real_board.py --out results/board` types the commands that a user would (`bench import …`), holds
our scores against the published ones, and ends with the address of the board; a second call reuses what is there.
Trap: sizes are declared from the names (7b -> 14 GB, two bytes a parameter), bases where the names say so (x-chat from x).
The answers are other people's, some without a licence: they are read where they lie, and the board made of them stays here.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
CARDS = ROOT / "tests" / "real_board_tasks"
LAW, OPENAI, TORA, PULSE = (f"outputs_{name}" for name in ("lawbench_jec", "openai_gsm8k", "tora_gsm8k", "pulse_medqa"))
GSM8K = {
    "6b_finetuning": "12GB", "6b_verification": "12GB", "175b_finetuning": "350GB", "175b_verification": "350GB",
    "tora-code-34b-v1.0": "68GB", "tora-70b-v1.0": "138GB",
}  # fmt: skip
BASES = {  # where the names themselves say it
    "baichuan-13b-chat-hf": "baichuan-13b-base-hf", "internlm-chat-7b-hf": "internlm-7b-hf",
    "internlm-chat-7b-8k-hf": "internlm-7b-hf", "llama-2-7b-chat": "llama-2-7b", "llama-2-13b-chat": "llama-2-13b",
    "llama-2-70b-chat": "llama-2-70b", "moss-moon-003-sft-hf": "moss-moon-003-base-hf",
    "mpt-instruct-7b-hf": "mpt-7b-hf", "qwen-7b-chat-hf": "qwen-7b-hf", "tigerbot-sft-7b-hf": "tigerbot-base-7b-hf",
}  # fmt: skip


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--out", type=Path, default=Path("results/board"), help="Store, site and what is made for them.")
    asked.add_argument("--data", type=Path, help="Default: BENCH_TEST_DATA, else shared/data beside the checkout.")
    asked.add_argument("--no-demo", action="store_true", help="Without the demo, whose training takes 80 s.")
    asked.add_argument(
        "--more", action="store_true", help="Also base models, eight answers a question, open questions."
    )
    asked.add_argument("--samples", choices=["all", "wrong", "none"], default="all", help="Answers that are published.")
    given = asked.parse_args()
    store, made, site = given.out / "bench.db", given.out / "data", given.out / "site"
    with_demo, with_more, samples = not given.no_demo, given.more, given.samples
    data = given.data or Path(os.environ.get("BENCH_TEST_DATA") or ROOT.parent / "shared" / "data")
    lacking = [name for name in (LAW, OPENAI, TORA, PULSE, "gsm8k") if not (data / name).is_dir()]
    if lacking:
        print(f"no real board: {data} lacks {', '.join(lacking)}; name the folder by --data or BENCH_TEST_DATA")
        return 0
    if with_demo:
        demo(given.out, store)
    made.mkdir(parents=True, exist_ok=True)
    write(made / "lawbench_jec.jsonl", law_questions(data))
    write(made / "medqa_pulse.jsonl", pulse_questions(data))
    write(made / "medqa_pulse_answers.jsonl", pulse_answers(data))
    law(data, made, store)
    gsm8k(data, store)
    pulse(made, store)
    if with_more:
        more(data, store)
    compose(store)
    bench("leaderboard", "--store", store, "--out", site, "--samples", samples,
          "--title", "Answers that other people published", "--include", CARDS)  # fmt: skip
    show(list(beside(data, store)), elo(data))
    print(f"\n{(site / 'index.html').resolve().as_uri()}")
    return 0


# -- what is asked, as the cards in real_board_tasks/ read it ---------------------------------------------------------


def rows(path: Path) -> Iterator[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from map(json.loads, text.splitlines())  # of bytes: only \n and \r end a line


def write(path: Path, made: Iterator[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), "utf-8")


def law_questions(data: Path) -> Iterator[dict[str, Any]]:
    """The options stand in one line with the question: "…?A:…;B:…;C:…;D:…"."""
    for row in rows(data / LAW / "questions.jsonl"):
        question, *choices = parted(row["question"], r"\s*", "[:：]", r"[;；]?\s*")
        asked = f"{row['instruction']}\n{row['question']}"
        gold = row["answer"].removeprefix("正确答案：").rstrip("。")
        yield {"id": row["id"], "question": question, "choices": choices, "answer": gold, "asked": asked}


def pulse_questions(data: Path) -> Iterator[dict[str, Any]]:
    """Options A to E on lines of their own, then the instruction."""
    for at, row in enumerate(rows(data / PULSE / "MedQA_Mainland.jsonl")):
        body = row["question"].rpartition("\n")[0]
        question, *choices = parted(body, r"\n", "：", "", "ABCDE")
        gold = row["reference_answer"][0]
        yield {"id": at, "question": question, "choices": choices, "answer": gold, "asked": row["question"]}


def parted(text: str, before: str, colon: str, after: str, letters: str = "ABCD") -> list[str]:
    options = "".join(f"{before}{letter}{colon}(.*?){after}" for letter in letters)
    found = re.fullmatch(f"(.*?){options}", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"this question is of another form than the others: {text[:80]}")
    return list(found.groups())


def pulse_answers(data: Path) -> Iterator[dict[str, Any]]:
    """Twelve files made one, each row with its system and the number of its question."""
    numbers = {row["question"]: at for at, row in enumerate(rows(data / PULSE / "MedQA_Mainland.jsonl"))}
    for path in sorted((data / PULSE / "predicted").iterdir()):
        for row in rows(path):
            system = path.name.removesuffix(".jsonl.gz")
            yield {"id": numbers[row["question"]], "system": system, "answer": row["predict_answer"]}


# -- what a user would type -------------------------------------------------------------------------------------------


def bench(*arguments: str | Path, quiet: bool = False) -> str:
    """Run a command as it is shown; its output is shown too, or given back."""
    words = [str(argument) for argument in arguments]
    if not quiet:
        shown = shlex.join(words)
        print(f"\n$ bench {shown if len(shown) < 400 else shown[:380] + ' …'}", flush=True)
    code = "from harness.cli import main; main()"
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=env, text=True, stdout=subprocess.PIPE if quiet else None, check=False
    )
    if done.returncode:
        raise SystemExit(f"bench {words[0]} ended with {done.returncode}")
    return done.stdout or ""


def demo(out: Path, store: Path) -> None:
    """The demo trains, runs and gates; where it did, its run is only shown."""
    if (out / "checkpoints").is_dir() and store.is_file():
        models = f"{out / 'checkpoints'}/*"
        bench("run", "--model", models, "--tasks", "demo", "--engine", "hf", "--store", store)
    else:
        bench("demo", "--out", out)


def law(data: Path, made: Path, store: Path) -> None:
    """The same answers twice: as `choice` reads them, and by the rule that the scores were published with."""
    file = data / LAW / "predictions.jsonl.gz"
    models = sorted({row["model"] for row in rows(file)})
    declared = [part for model in models for part in size(model)]
    declared += [part for child, base in BASES.items() for part in ("--base", f"{child}={base}")]
    how: list[str | Path] = ["--include", CARDS, "--data", made, "--map", "id=id,system=model", "--run", "*=prediction"]
    for task in ("lawbench_jec", "lawbench_jec:rule"):
        bench("import", file, "--task", task, *how, "--label", "LawBench, zero-shot", "--store", store, *declared)


def size(model: str) -> list[str]:
    """Two bytes a parameter, where the name tells how many."""
    found = re.search(r"(?<![\d.])(\d+)b(?![a-z])", model, re.IGNORECASE)
    return ["--model-bytes", f"{model}={2 * int(found[1])}GB"] if found else []


def gsm8k(data: Path, store: Path) -> None:
    """Two files, two ways to ask: a label each, so that the board doesn't rank the one against the other."""
    how: list[str | Path] = ["--task", "gsm8k", "--data", data, "--map", "question=question", "--store", store]
    for folder, label in ((OPENAI, "fine-tuned, 0-shot"), (TORA, "ToRA, writes and runs Python")):
        for file in sorted((data / folder).glob("*.jsonl.gz")):
            stem = file.name.removesuffix(".jsonl.gz")
            fields = {stem: "code.0"} if stem in GSM8K else {s: f"{s}.solution" for s in GSM8K if "_" in s}
            runs = [part for system, field in fields.items() for part in ("--run", f"{system}={field}")]
            sizes = [part for system in fields for part in ("--model-bytes", f"{system}={GSM8K[system]}")]
            bench("import", file, *how, *runs, *sizes, "--label", label)


def pulse(made: Path, store: Path) -> None:
    how: list[str | Path] = ["--include", CARDS, "--data", made, "--map", "id=id,system=system", "--run", "*=answer"]
    file = made / "medqa_pulse_answers.jsonl"
    bench("import", file, "--task", "medqa_pulse", *how, "--label", "PULSE-EVAL", "--store", store)


def more(data: Path, store: Path) -> None:
    """Few and no solved examples, repeats, and a line base -> SFT -> DPO on questions without a gold."""
    gsm8k: list[str | Path] = ["--task", "gsm8k", "--data", data, "--map", "question=question", "--store", store]
    for file in sorted((data / "outputs_eval_gsm8k_base").glob("*.json.gz")):
        form, model = re.split("_(?=Mistral|Llama)", file.name.removesuffix(".json.gz"))
        bench("import", file, *gsm8k, "--run", f"{model}=model_answers_text", "--label", form.replace("_", "-"))
    eight = data / "outputs_qwen_math_cot100" / "math_cot_100.jsonl.gz"
    new = (
        "--task",
        "new:math_cot_100",
        "--kind",
        "number",
        "--label",
        "8 samples",
        "--map",
        "question=question,gold=gt",
    )
    bench("import", eight, *new, "--run", "eight-samples=response", "--store", store)
    new = ("--task", "new:alpaca_eval", "--kind", "text", "--label", "AlpacaEval", "--map", "question=instruction")
    for model, base in {"phi-2-sft": "phi-2", "phi-2": "", "phi-2-dpo": "phi-2-sft"}.items():  # phi-2 lacks two answers
        task = new if model == "phi-2-sft" else ("--task", "alpaca_eval", *new[4:])
        come = ("--base", base) if base else ()
        bench("import", data / "outputs_alpaca_eval" / f"{model}.json.gz", *task, "--run", f"{model}=output", *come,
              "--store", store)  # fmt: skip


def compose(store: Path) -> None:
    """The contest's composite needs tokens, and those a vocabulary that may not be on this machine."""
    if os.environ.get("TIKTOKEN_CACHE_DIR"):
        bench("score", *GSM8K, "--tasks", "gsm8k", "--store", store)
    else:
        print("\nno composite of the GSM8K systems: set TIKTOKEN_CACHE_DIR to a folder that holds o200k_base")


# -- ours and theirs --------------------------------------------------------------------------------------------------


def beside(data: Path, store: Path) -> Iterator[tuple[str, str, float, float | None]]:
    """(task, model, ours, published), in per cent; PULSE published no accuracy."""
    listed = json.loads(bench("runs", "--store", store, "--json", quiet=True))["runs"]
    ours = {(run["task"], run["checkpoint"]): 100 * run["value"] for run in listed if run["value"] is not None}
    theirs = published(data)
    for (task, model), value in sorted(ours.items(), key=lambda one: (one[0][0], -one[1])):
        if (task, model) in theirs or task == "medqa_pulse":
            yield task, model, value, theirs.get((task, model))


def published(data: Path) -> dict[tuple[str, str], float]:
    with (data / LAW / "published_scores.csv").open(encoding="utf-8") as file:
        found = {("lawbench_jec:rule", row["model_name"]): 100 * float(row["score"]) for row in csv.DictReader(file)}
    for path in (data / TORA).glob("*.metrics"):
        mean = re.search(r"Mean score: \[([\d.]+)\]", path.read_text("utf-8"))
        assert mean
        found["gsm8k", path.name.removesuffix(".metrics")] = float(mean[1])
    flags = [row for path in (data / OPENAI).glob("*.jsonl.gz") for row in rows(path)]
    systems = [system for system in GSM8K if system in flags[0]]
    return found | {("gsm8k", s): 100 * sum(row[s]["is_correct"] for row in flags) / len(flags) for s in systems}


def elo(data: Path) -> dict[str, float]:
    """The published table ranks by a judge's pairwise verdicts; its fourth column is of these questions."""
    lines = (data / PULSE / "score_table.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    at = cells[0].index("MedQA-Mainland")
    return {row[0]: float(row[at]) for row in cells[2:] if len(row) > at}


def show(lines: Sequence[tuple[str, str, float, float | None]], judged: Mapping[str, float]) -> None:
    width = max(len(model) for _, model, _, _ in lines)
    print(f"\n{'task':18} {'model':{width}} {'ours':>6} {'published':>9} {'difference':>10}")
    for task, model, ours, theirs in lines:
        other = f"{'–':>9} {'–':>10}" if theirs is None else f"{theirs:9.1f} {round(ours - theirs, 2) or 0:10.2f}"
        print(f"{task:18} {model:{width}} {ours:6.1f} {other}")
    off = [abs(ours - theirs) for _, _, ours, theirs in lines if theirs is not None]
    print(f"{len(off)} published scores, {sum(o < 0.005 for o in off)} equal, largest difference {max(off):.2f} points")
    both = [(ours, judged[model]) for task, model, ours, _ in lines if task == "medqa_pulse" and model in judged]
    rank = stats.spearmanr([ours for ours, _ in both], [points for _, points in both]).statistic
    print(
        f"medqa_pulse: an Elo was published instead, by a judge of pairs; rank correlation over {len(both)}: {rank:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
