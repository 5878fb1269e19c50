"""Whether a judge's scores count: what its calibration says, and what its verdicts on these very runs say.

Example: `standing(store, key, [run]).why` -> "its scores are withheld: it has not been calibrated; run `bench judge
calibrate`". Everyone who shows a judge's number asks here first; the grades stay in the store either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from harness.judge import prompt
from harness.judge.asking import Judge
from harness.judge.calibration import FLOORS, Calibration, robust, verdict
from harness.judge.figures import Figures
from harness.judge.grades import SCORER, summary
from harness.store import read
from harness.store.open import Store
from harness.store.write import Writer

UNTRIED = "it has not been calibrated on labelled chains; run `bench judge calibrate`"


@dataclass(frozen=True)
class Standing:
    """May its scores be shown? `why` is a sentence where not."""

    key: str
    name: str
    usable: bool
    why: str = ""
    calibration: Calibration | None = None
    about: Mapping[str, Any] = field(default_factory=dict)  # checkpoint, prompt, settings


def standing(store: Store, key: str, runs: Sequence[str] = ()) -> Standing:
    """Of the judge whose scores carry `key`; with `runs` (ids), what it did there must hold as well."""
    known = read.judge(store, key)
    name, kept = known if known else (key[:8], {})
    found = _calibration(kept.get("figures"))
    why = verdict(found) if found else UNTRIED
    for run in () if why else runs:
        why = why or _on(store, run, key)
    if why:
        why = f"the scores of judge {name} are withheld: {why}"
    about: dict[str, Any] = {k: kept[k] for k in ("judge", "prompt", "settings") if k in kept}
    return Standing(key, name, not why, why, found, about)


def keep(store: Store, judge: Judge, found: Calibration | None = None) -> None:
    """Who the judge is and what it is worth; without figures an earlier calibration stays."""
    known = read.judge(store, judge.key)
    if found is None and known and known[1].get("figures"):
        return
    why = verdict(found) if found else UNTRIED
    about = {
        "usable": not why,
        "why": why,
        "judge": {"id": judge.checkpoint.id, "name": judge.checkpoint.name, "parts": dict(judge.checkpoint.parts)},
        "prompt": prompt.SHA,
        "settings": asdict(judge.settings),
        "floors": asdict(FLOORS),
        "figures": asdict(found) if found else None,
    }
    with Writer(store) as writer:
        writer.put_judge(judge.key, judge.checkpoint.name, about)


def _on(store: Store, run: str, key: str) -> str:
    """What its verdicts on a run say against it, where they are enough to say something."""
    grades = read.grades(store, run, SCORER, key)
    found = summary(grades)
    said = found.said
    if said.parse_rate is not None and found.asked >= FLOORS.each and said.parse_rate < FLOORS.parse_rate:
        return f"{100 * said.parse_rate:.0f} % of its replies on run {run[:8]} could be read, {100 * FLOORS.parse_rate:.0f} % are needed"
    return next((f"on run {run[:8]} {why}" for failed, why in robust(said) if failed), "")


def _calibration(kept: Any) -> Calibration | None:
    """None where a store holds another version's figures."""
    if not isinstance(kept, Mapping):
        return None
    try:
        said = Figures(**{f.name: kept["said"][f.name] for f in fields(Figures)})
        others = {f.name: kept[f.name] for f in fields(Calibration)}
        return Calibration(
            **others | {"said": said, "data": tuple(kept["data"]), "by_file": tuple(map(tuple, kept["by_file"]))}
        )
    except (KeyError, TypeError):
        return None
