"""Why to believe it: success criteria, controls, leakage, looks at test, and the ceiling that is no result."""

from __future__ import annotations

from collections.abc import Sequence

from lab.metrics.paired import Against
from lab.report.document.blocks import Block, Paragraph, Section, Table, columns
from lab.report.document.sections.shared import ranked
from lab.report.document.words import NOTHING, difference, label, number, p_value, share, signed
from lab.report.evidence import ControlEvidence, Criterion, Evidence

_VERDICTS = {
    "removed": "gain is gone in the control",
    "partly": "a part stays in the control",
    "kept": "does not beat its control",
    "untested": "no control",
    "no gain": "claims no gain",
}


def criteria(evidence: Evidence) -> Section | None:
    """Each method against the published conditions of success."""
    judged = [one for one in ranked(evidence) if one.criteria]
    if not judged:
        return None
    titles = [one.says for one in judged[0].criteria]
    rows = tuple(
        (
            one.name + (" †" if one.is_control else ""),
            *(_met(criterion) for criterion in one.criteria),
            f"{sum(criterion.met for criterion in one.criteria)} of {len(one.criteria)}",
        )
        for one in judged
    )
    note = "As the published study set them. ✓ met; ✗ missed, and by how much. † a control."
    return Section("criteria", "Criteria of success", (Table(columns("method", *titles, "met"), rows, note),))


def _met(one: Criterion) -> str:
    value, short = (
        (share(one.value), f"{one.short:.0%}") if one.name == "improved" else (number(one.value), number(one.short))
    )
    if one.name == "p":
        return f"✓ {p_value(one.value)}" if one.met else f"✗ {p_value(one.value)}"
    return f"✓ {value}" if one.met else f"✗ {value} (short by {short})"


def controls(evidence: Evidence) -> Section:
    """Whether what a method gains is gone where what is personal is taken away."""
    text = (
        "A gain of personalising must vanish when a persona is served with what was made for another one, or when what "
        "was chosen for it is drawn at random. A method that does not beat its control is not shown to gain by being "
        "personal."
    )
    quiet = [one.method for one in evidence.controls if not one.claims and not one.control]
    blocks: list[Block] = [Paragraph(text)]
    if judged := [one for one in evidence.controls if one.claims or one.control]:
        blocks.append(_weighed(judged))
    for other in evidence.others:
        if claimed := [one for one in other.controls if one.claims]:
            blocks += [Paragraph(f"Gains by {label(other.metric)}, corrected for itself:"), _weighed(claimed)]
    if quiet:
        blocks.append(Paragraph(f"These claim no gain, and no control was run for them: {', '.join(quiet)}."))
    names = [one.name for one in evidence.methods if one.is_control]
    blocks.append(
        Paragraph(f"Controls of this study: {', '.join(names)}." if names else "This study has no control.", not names)
    )
    return Section("controls", "Controls", tuple(blocks))


def _weighed(controls: Sequence[ControlEvidence]) -> Table:
    titles = ("method", "claims a gain", "control", "method minus control", "control minus unified", "verdict")
    rows = tuple(
        (
            one.method,
            "yes" if one.claims else "no",
            one.control or NOTHING,
            _against(one.personal),
            _against(one.left),
            _VERDICTS[one.verdict],
        )
        for one in controls
    )
    note = "p: paired t-test, Holm-corrected over the methods that have a control, for each column by itself."
    return Table(columns(*titles, words=3), rows, note)


def _against(one: Against | None) -> str:
    if one is None:
        return NOTHING
    return f"{difference(one.comparison)}, p {p_value(one.p_holm, tested=one.comparison.interval is not None)}"


def protocol(evidence: Evidence) -> Section:
    """Leakage, looks at test, and what choosing on test would have pretended."""
    blocks: list[Block] = [Paragraph(evidence.looks.says)]
    looks = [
        (one.study, f"{one.at:%Y-%m-%d %H:%M}", one.by, ", ".join(one.added) or NOTHING) for one in evidence.looks.own
    ]
    looks += [
        (one.study, f"{one.at:%Y-%m-%d %H:%M}", one.by, "another study on these data") for one in evidence.looks.others
    ]
    if looks:
        blocks.append(Table(columns("study", "first read (UTC)", "by", "methods added since", words=4), tuple(looks)))
    checks = tuple(
        (one.name, one.says, "holds" if one.proved else "fails: " + "; ".join(one.found[:3]))
        for one in evidence.leakage.checks
    )
    if checks:
        blocks.append(Table(columns("check against leakage", "what is looked at", "result", words=3), checks))
    if evidence.leakage.repeated is not None:
        blocks.append(
            Paragraph(
                f"{evidence.leakage.repeated:.1%} of the reference answers stand word for word in the same persona's "
                "train "
                "dialogues."
            )
        )
    if evidence.leakage.beyond:
        blocks.append(Paragraph(evidence.leakage.beyond))
    return Section("protocol", "Looks at test, and leakage", tuple(blocks))


def ceiling(evidence: Evidence) -> Section | None:
    """The oracle and the published procedure, which are no results."""
    found = evidence.ceiling
    if found is None:
        return None
    rows = (
        (
            f"each persona's best method of {len(found.among)}, chosen on {evidence.split} itself",
            number(found.oracle),
            signed(found.oracle_gain),
        ),
        (
            f"the best other method for everybody alike, chosen on {evidence.split} itself: {found.single}",
            number(found.oracle - found.oracle_gain + found.single_gain),
            signed(found.single_gain),
        ),
        (
            "the published procedure: best candidate where it is above one global mean",
            NOTHING,
            signed(found.published_gain),
        ),
    )
    text = (
        "Whoever chooses by the scores that are judged finds a gain in pure noise, so none of these is a result; no "
        "choice of one of these methods for each persona can pass the first. The published procedure measures from one "
        "global mean, so what it claims can be more than there is. "
        f"{share(found.moved)} of {found.n} personas would leave {found.default}."
    )
    titles = ("not a result", label(evidence.metric), f"over {found.default}")
    return Section("ceiling", "A ceiling, not a result", (Paragraph(text), Table(columns(*titles), rows)))
