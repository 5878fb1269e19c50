"""The verdict as Markdown for a job summary or a pull-request comment; needs no token and no network.

Example: `bench gate --md "$GITHUB_STEP_SUMMARY"` puts the sentence, the table and where it moved on the job's page.
"""

from __future__ import annotations

import html
from typing import Any

from harness.records import Judged, Verdict
from harness.verdicts import audit, wording

SHOWN_SUBJECTS = 10
ALERTS = {"pass": "NOTE", "inconclusive": "WARNING"}
CUT = "\n\nThe rest is left out here: a job's page takes no more. `bench gate --md FILE` writes all of it.\n"
TEMPLATE = """\
### bench gate: {{ after }} against {{ before }}

> [!{{ alert }}]
> **{{ sentence }}** (exit {{ exit_code }})
{% for part in parts %}
{% if part.title %}

#### Against the anchor {{ part.title }}
{% endif %}
{% if part.rows %}

| task | n | before | after | change [90 % interval] | lost / gained | p (Holm) | catches | unparsed % | cut off % | verdict |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|
{% for row in part.rows %}
| {{ row | join(" | ") }} |
{% endfor %}

"catches": the smallest true drop that this gate fails 8 times of 10.
{% endif %}
{% if part.guards %}

| guard | | evidence |
|---|---|---|
{% for row in part.guards %}
| {{ row | join(" | ") }} |
{% endfor %}
{% endif %}
{% for task, subjects in part.moved %}

<details><summary>Where {{ task }} moved (to look at, never judged)</summary>

| subject | n | change | q |
|---|--:|--:|--:|
{% for row in subjects %}
| {{ row | join(" | ") }} |
{% endfor %}

</details>
{% endfor %}
{% if part.differences %}

<details><summary>How the two runs differ</summary>

| task | field | class | before | after |
|---|---|---|---|---|
{% for row in part.differences %}
| {{ row | join(" | ") }} |
{% endfor %}

</details>
{% endif %}
{% for note in part.notes %}
{{ "\\n" if loop.first }}- {{ note }}
{% endfor %}
{% endfor %}
{% if failed %}

To accept a fall knowingly: bless this run as the baseline with a reason, or add a `[[gate.waive]]` with a date.
{% endif %}
"""


def render(verdict: Verdict, most: int | None = None) -> str:
    """`most`: bytes that there is room for; what is left out is said, and a table is never cut inside a line."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    text = environment.from_string(TEMPLATE).render(_facts(verdict))
    whole = text.encode()
    if most is None or len(whole) <= most:
        return text
    kept = (
        whole[: max(0, most - len(CUT.encode()) - len("\n\n</details>"))].rpartition(b"\n")[0].decode("utf-8", "ignore")
    )
    opened = kept.count("<details>") - kept.count("</details>")
    return kept + "\n" + "\n</details>" * opened + CUT


def _facts(verdict: Verdict) -> dict[str, Any]:
    return {
        "before": cell(verdict.before or "nothing"),
        "after": cell(verdict.after or "nothing"),
        "alert": ALERTS.get(verdict.status, "CAUTION"),
        "sentence": cell(verdict.sentence),
        "exit_code": verdict.exit_code,
        "parts": [_part(verdict, ""), *([_part(verdict.anchor, verdict.anchor.before)] if verdict.anchor else [])],
        "failed": verdict.status == "fail",
    }


def _part(verdict: Verdict, title: str) -> dict[str, Any]:
    """One comparison: against the baseline, or under a title against the anchor."""
    marks = {"refuse": "**breached**", "warn": "warning", "info": "ok"}
    return {
        "title": cell(title),
        "rows": [_row(t) for t in verdict.tasks],
        "guards": [(cell(g.what), marks[g.level], cell(g.evidence)) for g in verdict.guards],
        "moved": [(cell(t.task), _subjects(t)) for t in verdict.tasks if t.change and t.change.moved],
        "differences": [
            tuple(cell(v) for v in (t.task, d.field, d.class_, audit.shown(d.before), audit.shown(d.after)))
            for t in verdict.tasks
            if t.change
            for d in t.change.differences
        ],
        "notes": [cell(n) for n in verdict.notes],
    }


def _row(judged: Judged) -> tuple[str, ...]:
    change, name = judged.change, cell(judged.task)
    if change is None or not change.n:
        return (name, *["–"] * 9, f"**not comparable**: {cell(judged.why)}")
    points = wording.in_points(change)
    before, after, caught, tolerance = (
        wording.number(v, points) for v in (change.before, change.after, change.mde, judged.tolerance)
    )
    verdict = f"**{judged.judgement}**" if judged.judgement == "regressed" else judged.judgement
    verdict += f" (tolerance {tolerance})" + (f", needs n ≈ {judged.needs_n:,}" if judged.needs_n else "")
    verdict += f", waived {cell(judged.waived)}" if judged.waived else ""
    flips = f"{change.lost} / {change.gained}"
    p = cell(wording.p_value(judged.p_holm))
    return (name, f"{change.n:,}", before, after, wording.interval(change), flips, p, caught, *_rates(judged), verdict)


def _rates(judged: Judged) -> list[str]:
    """Answers that nothing could be read out of, and that were cut off: before and after."""
    found = []
    for name in ("unparsed_rate", "truncated_rate"):
        before, after = (wording.number(v, True) for v in judged.rates.get(name, (None, None)))
        found.append(after if before == after else f"{before} → {after}")
    return found


def _subjects(judged: Judged) -> list[tuple[str, ...]]:
    if judged.change is None:
        return []
    points = wording.in_points(judged.change)
    return [
        (cell(m["subject"]), str(m["n"]), wording.number(m["change"], points, signed=True), f"{m['q']:.2f}")
        for m in judged.change.moved[:SHOWN_SUBJECTS]
    ]


def cell(text: Any) -> str:
    """Names and model output are hostile text: no HTML, no table breaks, no mentions or links."""
    escaped = html.escape(wording.printable(str(text)), quote=False).replace("|", "\\|").replace("`", "'")
    return " ".join(escaped.replace("@", "@\u200b").replace("](", "]\\(").split())
