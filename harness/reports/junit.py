"""The verdict as JUnit XML, which GitLab, Jenkins and Azure show without a plug-in.

Example: a regressed task is a <failure>, an incomparable one an <error>, an undecided one <skipped> with the reason.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from harness.records import Finding, Judged, Verdict
from harness.verdicts import wording

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 has no way to write these


def render(verdict: Verdict) -> str:
    root = ElementTree.Element("testsuites", name="bench gate")
    _suite(root, "tasks", [_task(t) for t in verdict.tasks])
    _suite(root, "guards", [_guard(g) for g in verdict.guards])
    if verdict.anchor:
        _suite(root, "anchor tasks", [_task(t, "anchor tasks") for t in verdict.anchor.tasks])
        _suite(root, "anchor guards", [_guard(g, "anchor guards") for g in verdict.anchor.guards])
    if not verdict.tasks and not verdict.guards:
        nothing = _case("gate", "comparison")
        tag = "error" if verdict.exit_code else "skipped"
        ElementTree.SubElement(nothing, tag, message=_clean(verdict.sentence))
        _suite(root, "gate", [nothing])
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _suite(root: ElementTree.Element, name: str, cases: list[ElementTree.Element]) -> None:
    if not cases:
        return
    suite = ElementTree.SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    for kind, tag in KINDS.items():
        suite.set(kind, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)


KINDS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def _task(judged: Judged, suite: str = "tasks") -> ElementTree.Element:
    case = _case(suite, judged.task)
    text = wording.moved_by(judged.change) if judged.change and judged.change.n else judged.why
    if judged.waived:
        ElementTree.SubElement(case, "skipped", message=_clean(f"waived {judged.waived}: {text}"))
    elif judged.judgement == "regressed":
        ElementTree.SubElement(case, "failure", message=_clean(f"regressed: {text}"))
    elif judged.judgement == "not_comparable":
        ElementTree.SubElement(case, "error", message=_clean(judged.why))
    elif judged.judgement == "inconclusive":
        settle = f"; about {judged.needs_n:,} questions would settle it" if judged.needs_n else ""
        ElementTree.SubElement(case, "skipped", message=_clean(f"inconclusive: {text}{settle}"))
    else:
        ElementTree.SubElement(case, "system-out").text = _clean(f"{judged.judgement}: {text}")
    return case


def _guard(finding: Finding, suite: str = "guards") -> ElementTree.Element:
    case = _case(suite, f"{finding.source} {finding.task or ''}".strip())
    text = _clean(f"{finding.what}; {finding.evidence}" if finding.evidence else finding.what)
    if finding.level == "refuse":
        ElementTree.SubElement(case, "failure", message=text)
    elif finding.level == "warn":
        ElementTree.SubElement(case, "skipped", message=text)
    else:
        ElementTree.SubElement(case, "system-out").text = text
    return case


def _case(suite: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"bench.gate.{suite.replace(' ', '.')}", name=_clean(name))


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)
