"""Grades beside the score of a run: of its chains of thought, of its tokens by a neutral counter; and composites of them.

Example: `grades(store, run, "cot")[sample, 0].value` is the health of one chain. Such scorers need no gold, so their
rows have the key "" (a judge's: the digest of judge, prompt and settings), and no result of the run depends on them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.records import Overall, Score
from harness.store import rows, runs
from harness.store.open import Store

JUDGE = "judge"  # scorer whose key is no golds' but a judge's
DIGITS = 8  # of a judge's digest in the name of its measure

# several versions of a scorer: the one that graded most, then the newest
_BEST = """SELECT g.scorer FROM run_scorers g JOIN scorers c ON c.id = g.scorer
    WHERE g.run = (SELECT id FROM runs WHERE uid = :run) AND c.name = :name AND c.params = :key
    ORDER BY g.graded DESC, g.scorer DESC LIMIT 1"""


def best(store: Store, run_ids: Sequence[str], scorer: str, key: str) -> dict[str, int | None]:
    """Run -> the row whose grades count of a scorer's versions; `key` may be the beginning of a judge's digest."""
    found = store.db.conn.execute(
        """SELECT r.uid, g.scorer FROM runs r JOIN run_scorers g ON g.run = r.id JOIN scorers c ON c.id = g.scorer
           WHERE c.name = :name AND (c.params = :key OR :key != '' AND substr(c.params, 1, length(:key)) = :key)
               AND r.uid IN (SELECT value FROM json_each(:runs))
           ORDER BY g.graded, g.scorer""",
        {"name": scorer, "key": key, "runs": json.dumps(list(run_ids))},
    ).fetchall()
    return dict.fromkeys(run_ids) | dict(found)


def grades(store: Store, run_id: str, scorer: str, key: str = "") -> dict[tuple[str, int], Score]:
    """(sample, repeat) -> its grade by a scorer under a key; empty where it has not graded."""
    found = runs.query(
        store,
        f"""SELECT s.uid AS sample, p.repeat, x.*, c.name, c.version FROM scores x JOIN responses p ON p.id = x.response
            JOIN samples s ON s.id = p.sample JOIN scorers c ON c.id = x.scorer
            WHERE p.run = (SELECT id FROM runs WHERE uid = :run) AND x.scorer = ({_BEST})
            ORDER BY s.position, p.repeat""",
        {"run": run_id, "name": scorer, "key": key},
    )
    return {
        (row["sample"], row["repeat"]): Score(
            row["name"], row["version"], row["value"], row["answer"], row["rule"], row["outcome"],
            rows.load_mapping(row["detail"]),
        )
        for row in found
    }  # fmt: skip


def measured(store: Store, run_id: str) -> dict[str, dict[tuple[str, int], float | None]]:
    """Measure -> (sample, repeat) -> number, of what secondary scorers made: cot_health, neutral_tokens, cot_judge:…"""
    made = {
        "cot_health": _column(store, run_id, "cot", "", "x.value"),
        "neutral_tokens": _column(store, run_id, "tokens", "", "json_extract(x.detail, '$.neutral')"),
    }
    for judge in judged_by(store, run_id):
        made[f"cot_judge:{judge[:DIGITS]}"] = _column(store, run_id, JUDGE, judge, "x.value")
    return {name: column for name, column in made.items() if column}


def graders(store: Store, run_id: str) -> dict[str, str]:
    """Measure -> the scorer and version that made it: "cot_health" -> "cot@1". A judge's measure names its prompt itself."""
    made = {}
    for measure, scorer in (("cot_health", "cot"), ("neutral_tokens", "tokens")):
        sql = f"SELECT name, version FROM scorers WHERE id = ({_BEST})"
        for row in runs.query(store, sql, {"run": run_id, "name": scorer, "key": ""}):
            made[measure] = f"{row['name']}@{row['version']}"
    return made


def _column(store: Store, run_id: str, scorer: str, key: str, what: str) -> dict[tuple[str, int], float | None]:
    found = runs.query(
        store,
        f"""SELECT s.uid AS sample, p.repeat, {what} AS number FROM scores x JOIN responses p ON p.id = x.response
            JOIN samples s ON s.id = p.sample
            WHERE p.run = (SELECT id FROM runs WHERE uid = :run) AND x.scorer = ({_BEST})""",
        {"run": run_id, "name": scorer, "key": key},
    )
    return {(row["sample"], row["repeat"]): row["number"] for row in found}


def judged_by(store: Store, run_id: str) -> list[str]:
    """The digests of the judges that read chains of this run."""
    found = runs.query(
        store,
        """SELECT DISTINCT c.params FROM run_scorers g JOIN scorers c ON c.id = g.scorer
           WHERE g.run = (SELECT id FROM runs WHERE uid = ?) AND c.name = ? ORDER BY c.params""",
        [run_id, JUDGE],
    )
    return [row["params"] for row in found]


def state(store: Store, run_id: str) -> list[Any]:
    """What a composite of this run depends on: its golds, how many answers there are, and who graded how many of them."""
    return states(store, [run_id])[run_id]


def states(store: Store, run_ids: Sequence[str]) -> dict[str, list[Any]]:
    """The same of many runs."""
    asked = json.dumps(list(run_ids))
    heads = runs.query(
        store,
        """SELECT r.uid, r.done, e.key, e.card FROM runs r JOIN exams e ON e.id = r.exam
           WHERE r.uid IN (SELECT value FROM json_each(?))""",
        [asked],
    )
    graded = runs.query(
        store,
        """SELECT r.uid, c.name, c.version, c.params, g.graded FROM run_scorers g JOIN scorers c ON c.id = g.scorer
               JOIN runs r ON r.id = g.run
           WHERE r.uid IN (SELECT value FROM json_each(?)) ORDER BY c.name, c.params, c.id""",
        [asked],
    )
    found: dict[str, list[Any]] = {run: [run, [], []] for run in run_ids}
    for place, rows_ in ((1, heads), (2, graded)):
        for row in rows_:
            uid, *told = row.values()
            found[uid][place].append(told)
    return found


def judge(store: Store, sha: str) -> tuple[str, dict[str, Any]] | None:
    """(name, calibration) of a judge; None for one that nobody has calibrated."""
    found = runs.query(store, "SELECT name, calibration FROM judges WHERE sha = ?", [sha])
    return (found[0]["name"], json.loads(found[0]["calibration"])) if found else None


def judges(store: Store) -> dict[str, tuple[str, dict[str, Any]]]:
    """sha -> (name, calibration)"""
    found = runs.query(store, "SELECT sha, name, calibration FROM judges ORDER BY sha")
    return {row["sha"]: (row["name"], json.loads(row["calibration"])) for row in found}


def overalls(store: Store) -> dict[tuple[str, str, str], Overall]:
    """(checkpoint, profile's sha, key of what it was made of) -> composite score, the stale ones too."""
    found = runs.query(
        store,
        """SELECT c.uid AS checkpoint, o.profile, o.runs, o.parts FROM overalls o
           JOIN checkpoints c ON c.id = o.checkpoint ORDER BY o.profile, c.uid, o.runs""",
    )
    return {(row["checkpoint"], row["profile"], row["runs"]): rows.overall(row["parts"]) for row in found}


def overall(store: Store, checkpoint: str, profile: str, key: str) -> Overall | None:
    """One of them; None where it was not computed."""
    found = runs.query(
        store,
        """SELECT parts FROM overalls WHERE checkpoint = (SELECT id FROM checkpoints WHERE uid = ?) AND profile = ?
           AND runs = ?""",
        [checkpoint, profile, key],
    )
    return rows.overall(found[0]["parts"]) if found else None


def profiles(store: Store) -> Mapping[str, tuple[str, str]]:
    """sha -> (name, text) of the profiles that composites were made by."""
    found = runs.query(store, "SELECT sha, name, text FROM profiles ORDER BY sha")
    return {row["sha"]: (row["name"], row["text"]) for row in found}
