"""What a study shows, in plain words: each sentence says no more than intervals, corrected tests and controls allow.

A method is called better only if its interval against unified lies above zero, its p is below 0.05 after Holm's
correction, and its control, where it has one, does not keep the gain; worse only by the first two. Everything else is
told as what it is: not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lab.metrics.paired import LEVEL
from lab.metrics.statistics import smallest_detectable_effect
from lab.report.document import cautions
from lab.report.document.gains import better, corrected_p, gain, size, versus_of, worse
from lab.report.document.words import count, label, listed, number, p_value, share, signed
from lab.report.evidence import ControlEvidence, Evidence, MethodEvidence

About = Literal[
    "study",
    "answer",
    "better",
    "more",
    "not personal",
    "worse",
    "open",
    "bound",
    "power",
    "criteria",
    "limits",
    "faults",
    "reference",
    "elsewhere",
]
_NAMED = 5  # methods that are told one by one


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, what it is about, and the methods that it claims to be better or worse."""

    text: str
    about: About
    methods: tuple[str, ...] = ()


def summarised(evidence: Evidence) -> tuple[Sentence, ...]:
    """The sentences: what would make the answer worthless, the answer, and what bounds it."""
    if not evidence.methods:
        return (Sentence(f"Nothing of this study is evaluated on {evidence.split} yet.", "study"),)
    return (
        Sentence(_what(evidence), "study"),
        *(Sentence(text, "faults") for text in cautions.faults(evidence)),
        *(Sentence(text, "reference") for text in cautions.reference(evidence)),
        *_answer(evidence),
        *_worse(evidence),
        *_open(evidence),
        *(Sentence(text, "elsewhere") for text in cautions.elsewhere(evidence)),
        *_power(evidence),
        *_criteria(evidence),
        *_limits(evidence),
    )


# ---------------------------------------------------------------- what was compared


def _what(evidence: Evidence) -> str:
    methods = [one for one in evidence.methods if one.versus is not None and not one.is_control]
    controls = [one for one in evidence.methods if one.is_control]
    seeds = count(len(evidence.seeds), "seed")
    compared = f"{count(len(methods), 'method')} and {count(len(controls), 'control')}"
    return (
        f"{compared} compared with unified on {count(evidence.n_personas, 'persona')} "
        f"({evidence.split} split, {seeds}, base {evidence.base}), by {label(evidence.metric)}."
    )


# ---------------------------------------------------------------- better


def _answer(evidence: Evidence) -> Iterator[Sentence]:
    candidates = [one for one in evidence.methods if not one.is_control and one.versus is not None]
    if not candidates:
        yield Sentence("No method shares personas with unified, so nothing can be said against it.", "better")
        return
    controls = {one.method: one for one in evidence.controls}
    ahead = [one for one in candidates if better(one.versus)]
    ahead.sort(key=lambda one: (_rank(controls.get(one.name)), -gain(versus_of(one))[0]))
    yield _headline(ahead, controls, label(evidence.metric))
    for method in ahead[:_NAMED]:
        yield _better(method, controls.get(method.name))
    if more := ahead[_NAMED:]:
        told = listed(
            [f"{one.name} by {size(versus_of(one))}{_kept(controls.get(one.name))}" for one in more], len(more)
        )
        yield Sentence(
            f"Above unified too, p < 0.05 after Holm's correction: {told}.", "more", tuple(m.name for m in more)
        )
    if not any(_claimed(one, controls.get(one.name)) for one in ahead):
        rest = [one for one in candidates if one not in ahead]
        yield Sentence(_none_better(rest, set(controls), beside=bool(ahead)), "bound")


def _kept(control: ControlEvidence | None) -> str:
    return f" (not shown to beat its control {control.control})" if control and control.verdict == "kept" else ""


def _rank(control: ControlEvidence | None) -> int:
    """What a control confirms first, what it denies last."""
    order = ("removed", "partly", "untested", None, "kept")
    return order.index(control.verdict if control and control.verdict in order else None)


def _headline(ahead: list[MethodEvidence], controls: Mapping[str, ControlEvidence], metric: str) -> Sentence:
    """The answer to the question that the study asks."""
    personal = [
        one
        for one in ahead
        if one.name in controls and controls[one.name].verdict in ("removed", "partly") and not one.after_test
    ]
    names = tuple(one.name for one in personal)
    if personal:
        text = (
            f"Personalising gains over one model for everybody: shown in {metric} for {listed(names)}, and confirmed "
            "by a control."
        )
        return Sentence(text, "answer", names)
    why = ", though some methods score above unified: no control confirms that this is personal" if ahead else ""
    return Sentence(f"That personalising gains over one model for everybody is not shown in {metric}{why}.", "answer")


def _claimed(method: MethodEvidence, control: ControlEvidence | None) -> bool:
    return better(method.versus) and (control is None or control.verdict != "kept")


def _better(method: MethodEvidence, control: ControlEvidence | None) -> Sentence:
    versus = versus_of(method)
    improved = share(versus.comparison.improved)
    amount = f"{size(versus)} (p {corrected_p(versus)} after Holm's correction, {improved} of personas better)"
    if control is not None and control.verdict == "kept":
        own = control.personal
        against = "" if own is None else f" (by {size(own)}, p {corrected_p(own)})"
        text = (
            f"{method.name} scores above unified by {amount}, but is not shown to beat its control {control.control}"
            f"{against}: nothing tells that this is owed to what was learned of each persona, and it is not counted."
        )
        return Sentence(text, "not personal", (method.name,))
    text = f"{method.name} is better than unified by {amount}; {_told_by_control(control)}."
    if (seeds := versus.seeds) is not None and min(m for _, m in seeds.means) * max(m for _, m in seeds.means) <= 0:
        text += " Its sign is not the same in every seed."
    if method.after_test:
        text += " It was added or changed after test scores had been read, so it is an exploration, not a test."
    return Sentence(text, "better", (method.name,))


def _told_by_control(control: ControlEvidence | None) -> str:
    if control is None:
        return "it serves every persona alike, so that is no gain of personalising"
    if control.personal is None:
        return "no control was run for it, so nothing tells whether that is owed to personalising"
    beats = f"it beats its control {control.control} by {size(control.personal)}"
    if control.verdict == "removed":
        return f"{beats}, and that one is not shown to gain, as it must be if the gain is personal"
    left = "" if control.left is None else f" by {size(control.left)}"
    return f"{beats}, but that one is above unified too{left}, and that part of the gain is not personal"


def _none_better(candidates: list[MethodEvidence], personal: set[str], *, beside: bool) -> str:
    """`candidates`: without those whose gain a control keeps; `beside`: whether there are such."""
    none = f"No {'other ' if beside else ''}method is shown to be better than unified"
    highs = {one.name: gain(versus_of(one))[2] for one in candidates if versus_of(one).comparison.interval is not None}
    if not highs:
        return f"{none}."
    if max(highs.values()) < 0:
        return f"{none}: every 95% interval, taken alone, lies below zero."
    own, alike = ({name: high for name, high in highs.items() if (name in personal) is side} for side in (True, False))
    told = [
        f"{number(max(some.values()))} {words} ({max(some, key=lambda name: some[name])})"
        for words, some in (("by personalising", own), ("by what serves everybody alike", alike))
        if some and max(some.values()) >= 0
    ]
    return f"{none}. 95% intervals, each taken alone, leave room for a gain of at most {' and '.join(told)}."


# ---------------------------------------------------------------- worse, open


def _worse(evidence: Evidence) -> Iterator[Sentence]:
    behind = sorted(
        (one for one in evidence.methods if not one.is_control and worse(one.versus)),
        key=lambda one: gain(versus_of(one))[0],
    )
    if not behind:
        return
    told = [f"{one.name} by {size(versus_of(one), minus=True)}" for one in behind[:_NAMED]]
    more = "" if len(behind) <= _NAMED else f", and {len(behind) - _NAMED} more by less"
    verb = "is" if len(behind) == 1 else "are"
    text = f"{count(len(behind), 'method')} {verb} worse than unified: {'; '.join(told)}{more}."
    yield Sentence(text, "worse", tuple(one.name for one in behind))


def _open(evidence: Evidence) -> Iterator[Sentence]:
    names = [
        one.name
        for one in evidence.methods
        if not one.is_control and one.versus is not None and not better(one.versus) and not worse(one.versus)
    ]
    if names:
        yield Sentence(
            f"For {count(len(names), 'method')} no difference from unified is shown, which does not say that there is "
            f"none: {listed(names)}.",
            "open",
        )


def _power(evidence: Evidence) -> Iterator[Sentence]:
    compared = [one.versus.comparison for one in evidence.methods if one.versus is not None]
    sizes = {
        one.name: (found.detectable, found.n)
        for one in evidence.methods
        if one.versus is not None and not one.is_control and (found := one.versus.comparison).detectable
    }
    if not sizes:
        return
    alone = _across([size for size, _ in sizes.values() if size])
    stricter = [size * _stricter(n, len(compared)) for size, n in sizes.values() if size]
    after = f"; after correction for {len(compared)} methods, one smaller than {_across(stricter)}"
    yield Sentence(
        f"With {count(evidence.n_personas, 'persona')} a true difference smaller than {alone}, tested alone, would be "
        f"missed more often than one time in five{after if len(compared) > 1 else ''}.",
        "power",
    )


def _stricter(n: int, several: int) -> float:
    """How much larger a difference has to be for the first step of Holm's correction."""
    return smallest_detectable_effect(n, alpha=LEVEL / several) / smallest_detectable_effect(n)


def _across(sizes: list[float]) -> str:
    low, high = number(min(sizes)), number(max(sizes))
    return low if low == high else f"{low} to {high} (by method)"


# ---------------------------------------------------------------- success, limits


def _criteria(evidence: Evidence) -> Iterator[Sentence]:
    judged = [one for one in evidence.methods if one.criteria and not one.is_control]
    if not judged:
        return
    meet = [one.name for one in judged if one.succeeds]
    if meet:
        kept = [one.method for one in evidence.controls if one.verdict == "kept" and one.method in meet]
        but = f", though the controls of {listed(kept)} keep the gain" if kept else ""
        verb = "meets" if len(meet) == 1 else "meet"
        yield Sentence(f"{listed(meet)} {verb} all published criteria of success{but}.", "criteria")
        return
    best = max(judged, key=lambda one: (_met(one), gain(versus_of(one))[0]))
    if not _met(best):
        yield Sentence("No method meets any of the published criteria of success.", "criteria")
        return
    alike = sum(_met(one) == _met(best) for one in judged)
    if alike > _NAMED:
        yield Sentence(
            f"No method meets all published criteria of success: the most is {_met(best)} of {len(best.criteria)}, "
            f"which {alike} methods meet.",
            "criteria",
        )
        return
    fails = [f"{c.says} (it has {_value(c.name, c.value)})" for c in best.criteria if not c.met]
    yield Sentence(
        f"No method meets all published criteria of success. Nearest is {best.name}, which meets "
        f"{_met(best)} of {len(best.criteria)}; it misses: {'; '.join(fails)}.",
        "criteria",
    )


def _met(method: MethodEvidence) -> int:
    return sum(one.met for one in method.criteria)


def _value(name: str, value: float) -> str:
    return share(value) if name == "improved" else p_value(value) if name == "p" else number(value)


def _limits(evidence: Evidence) -> Iterator[Sentence]:
    if evidence.ceiling is not None:
        ceiling = evidence.ceiling
        yield Sentence(
            "Choosing each persona's best method by the very scores it is judged on would show "
            f"{signed(ceiling.oracle_gain)} over {ceiling.default}, and the published procedure "
            f"{signed(ceiling.published_gain)}; both appear on pure noise too, and neither is a result.",
            "limits",
        )
    yield Sentence(evidence.looks.says, "limits")
    for note in evidence.notes:
        yield Sentence(f"{note[:1].upper()}{note[1:].rstrip('.')}.", "limits")
