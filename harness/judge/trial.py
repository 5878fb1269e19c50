"""A judge tried on labelled chains, with its verdicts kept on the way: a trial that was stopped goes on where it was.

Example: `for pair in trial(judge, chains, load, config.cache() / "judges"): …` yields (labelled chain, reading), those that
are remembered first. The file is named by the judge's key, so another prompt or setting starts anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from harness.engines import Engine
from harness.identity import digest
from harness.judge import asking
from harness.judge.asking import Judge, Reading
from harness.judge.calibration import Labelled
from harness.judge.prompt import FORMS


def trial(
    judge: Judge, chains: Sequence[Labelled], load: Callable[[], Engine], place: Path
) -> Generator[tuple[Labelled, Reading]]:
    """Every chain once; an engine starts only where one has not been judged yet. Failed requests are not remembered."""
    path = place / f"{judge.key}.jsonl"
    known = _remembered(path)
    missing: list[Labelled] = []
    for chain in chains:
        reading = known.get(_name(chain))
        if reading is None:
            missing.append(chain)
        else:
            yield chain, reading
    if not missing:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = load()
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")  # a kill may have cut off the last line
            asked = (chain.chain(str(i)) for i, chain in enumerate(missing))
            for reading in asking.judged(engine, judge, asked):
                chain = missing[int(reading.chain.name)]
                if not reading.errors:
                    file.write(_line(chain, reading))
                    file.flush()
                yield chain, reading
    finally:
        engine.close()


def forget(judge: Judge, place: Path) -> None:
    (place / f"{judge.key}.jsonl").unlink(missing_ok=True)


def _name(chain: Labelled) -> str:
    # with the label, since it decides whether the canary is asked
    return digest([chain.question, chain.steps, chain.wrong])


def _line(chain: Labelled, reading: Reading) -> str:
    told = {
        "chain": _name(chain),
        "verdicts": reading.verdicts,
        "canary": reading.canary,
        "redundant": reading.redundant,
        "cut": reading.cut,
        "question": chain.question,
        "steps": chain.steps,
        "wrong": chain.wrong,
    }
    return json.dumps(told, ensure_ascii=True) + "\n"


def _remembered(path: Path) -> dict[str, Reading]:
    """What the file holds; a line that was cut off by a kill, or is not ours, is as if it was never written."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, Reading] = {}
    for line in lines:
        try:
            told = json.loads(line)
            chain = Labelled(told["question"], tuple(told["steps"]), told["wrong"])
            if len(told["verdicts"]) == len(FORMS):
                found[told["chain"]] = Reading(
                    chain.chain(""), list(told["verdicts"]), told["canary"], told["redundant"], cut=told["cut"]
                )
        except (ValueError, KeyError, TypeError):
            continue
    return found
