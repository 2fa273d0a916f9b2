"""What a reader must know before any answer: faults of the study, a weak reference, what other metrics say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lab.metrics.paired import Against
from lab.report.document.gains import better, gain, size, versus_of, worse
from lab.report.document.words import count, difference, label, listed
from lab.report.evidence import ControlEvidence, Evidence

_NAMED = 5
_MOST, _FEW = 0.8, 5  # a larger share of at least so many methods above unified, controls too, is worth a word


def faults(evidence: Evidence) -> Iterator[str]:
    """Leakage, and controls that gain, which no control should."""
    found = [fault for check in evidence.leakage.checks for fault in check.found]
    if found:
        yield f"The checks against leakage fail: {listed(found, 2)}. Read no number before that is mended."
    for name, versus in _gaining_controls(evidence).items():
        told = f"The control {name} scores above unified by {size(versus)}"
        if name in evidence.drawn:
            yield f"{told}: what it was drawn from helps, and a method that chooses has to beat it to claim its choice."
        else:
            yield f"{told}, which no control should: something other than personalising raises scores here."


def _gaining_controls(evidence: Evidence) -> dict[str, Against]:
    """Controls that gain by the kinder of the two corrections: to miss one is the dangerous side."""
    found = {one.name: one.versus for one in evidence.methods if one.is_control and one.versus and better(one.versus)}
    found |= {one.control: one.left for one in evidence.controls if one.left is not None and better(one.left)}
    return found


def reference(evidence: Evidence) -> Iterator[str]:
    """Whether unified is better than the model it was trained from: what is compared with it stands on that."""
    base = evidence.method("base")
    if base is not None and base.versus is not None and not worse(base.versus):
        known = "worse" if better(base.versus) else "not shown to be better"
        yield (
            f"unified is {known} than the base model without training (base minus unified "
            f"{difference(base.versus.comparison)}): to gain over it says little here. Look at how it was trained."
        )
    yield from _low(evidence)


def _low(evidence: Evidence) -> Iterator[str]:
    """Whether nearly everything lies above unified, what cannot gain too."""
    others = [one for one in evidence.methods if one.versus is not None and one.name != "base"]
    methods, controls = (
        [gain(versus_of(one))[0] > 0 for one in others if one.is_control is control] for control in (False, True)
    )
    if len(methods) >= _FEW and controls and all(controls) and sum(methods) > _MOST * len(methods):
        yield (
            f"{sum(methods)} of {len(methods)} methods lie above unified, and so {_all(len(controls))}: its own mean "
            "may be low by chance, which every difference here shares."
        )


def _all(n: int) -> str:
    return "does the control" if n == 1 else f"do all {n} controls"


def elsewhere(evidence: Evidence) -> Iterator[str]:
    """What other metrics show, each corrected for itself."""
    for found in evidence.others:
        if not any(one.comparison.interval for one in found.versus):
            continue
        if not any(map(_apart, found.versus)):
            yield f"By {label(found.metric)} all methods serve every persona alike: it tells nothing of these data."
            continue
        ahead = sorted((one for one in found.versus if better(one)), key=lambda one: -gain(one)[0])
        behind = sorted((one for one in found.versus if worse(one)), key=lambda one: gain(one)[0])
        own = {one.method: one for one in found.controls}
        told = [
            f"{count(len(some), 'method')} {words[len(some) > 1]} unified: {_names(some, evidence, controls)}"
            for some, controls, words in (
                (ahead, own, ("beats", "beat")),
                (behind, {}, ("falls behind", "fall behind")),
            )
            if some
        ]
        which = f"By {label(found.metric)}, tested and corrected for itself,"
        yield f"{which} {'; '.join(told) if told else 'no method is shown to differ from unified'}."


def _apart(one: Against) -> bool:
    """Whether any persona's score is another than under unified."""
    return one.comparison.difference != 0 or one.comparison.improved > 0  # nobody up, and none down for it


def _names(some: Sequence[Against], evidence: Evidence, controls: Mapping[str, ControlEvidence]) -> str:
    """Methods; those that are personal with what their controls say of them."""
    said = {one.name: " (a control)" for one in evidence.methods if one.is_control}
    said |= {name: _confirmed(control) for name, control in controls.items()}
    return listed([f"{one.method}{said.get(one.method, '')}" for one in some], _NAMED)


def _confirmed(control: ControlEvidence) -> str:
    if control.personal is None:
        return " (without a control)"
    return f" ({'not shown to beat' if control.verdict == 'kept' else 'which beats'} its control {control.control})"
