"""Which method is the control of which, and whether what a method gains is gone in its control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from lab.methods.method import Method
from lab.metrics.paired import Against, Runs, family
from lab.report.evidence import ControlEvidence, Removal


def is_control(method: Method) -> bool:
    """Whether it takes away, by declaration, what another method does for a persona."""
    return method.swap or is_drawn(method) or _untrained(method)


def is_drawn(method: Method) -> bool:
    """Whether what is personal is not taken away but drawn at random, the persona's own perhaps among it."""
    return (method.merge is not None and method.merge.choose == "random") or (
        method.route is not None and method.route.how == "random"
    )


def _untrained(method: Method) -> bool:
    return method.learns and method.training.get("epochs") == 0


def is_personal(name: str, declared: Mapping[str, Method]) -> bool:
    """Whether personas may be served unlike each other: what a swap of personas can tell."""
    method = declared[name]
    own = (
        (method.learns and (method.share != "everyone" or method.parameters == "user-embedding"))
        or method.prompt != "none"
        or method.retrieve is not None
        or method.route is not None
        or method.merge is not None
        or method.mixture is not None
    )
    return own or any(is_personal(under, declared) for under in method.stands_on)


def control_of(name: str, among: Sequence[str], declared: Mapping[str, Method]) -> str:
    """The control that tells most of a method: it served to other personas, else its choice drawn at random; or ""."""
    others = [other for other in among if other != name and is_control(declared[other])]
    for is_of in (_swapped, _drawn, _blank):
        for other in others:
            if is_of(name, declared[name], declared[other]):
                return other
    return ""


def _swapped(name: str, method: Method, control: Method) -> bool:
    del method
    return control.swap and control.on == name


def _drawn(name: str, method: Method, control: Method) -> bool:
    """A merge of random personas of the same method, or a route drawn at random among the same methods."""
    del name
    if method.merge is not None and control.merge is not None:
        return control.merge.choose == "random" and method.merge.of == control.merge.of
    if method.route is not None and control.route is not None:
        return control.route.how == "random" and set(method.route.among) == set(control.route.among)
    return False


def _blank(name: str, method: Method, control: Method) -> bool:
    """The same kind of parameters at the same place, untrained."""
    del name
    return _untrained(control) and (method.parameters, method.on) == (control.parameters, control.on)


def weigh(
    runs: Mapping[str, Runs],
    declared: Mapping[str, Method],
    versus: Mapping[str, Against],
    reference: str,
    *,
    higher_is_better: bool = True,
    ranks: bool = True,
) -> tuple[ControlEvidence, ...]:
    """Each personal method against its control, in the order of `runs`.

    Args:
        runs: method → seed → persona → score, of methods and controls alike.
        declared: the declarations of all of them.
        versus: method → it against `reference`, corrected for all methods.
        reference: unified.
        higher_is_better: of the metric.
        ranks: also by the signed-rank test, see `paired.family`.
    """
    names = [name for name in runs if name in versus and not is_control(declared[name]) and is_personal(name, declared)]
    control = {name: control_of(name, list(runs), declared) for name in names}
    tested = {name: one for name, one in control.items() if one}
    compared = partial(family, methods=runs, higher_is_better=higher_is_better, ranks=ranks)
    personal = {one.method: one for one in compared(list(tested.items()))}
    pairs = [(one, reference) for one in dict.fromkeys(tested.values()) if reference in runs]
    left = {one.method: one for one in compared(pairs)}
    return tuple(
        ControlEvidence(
            method=name,
            control=control[name],
            claims=versus[name].gains,
            personal=personal.get(name),
            left=left.get(control[name]),
            verdict=_verdict(versus[name].gains, personal.get(name), left.get(control[name])),
        )
        for name in names
    )


def _verdict(claims: bool, personal: Against | None, left: Against | None) -> Removal:
    if not claims:
        return "no gain"
    if personal is None:
        return "untested"
    if not personal.gains:
        return "kept"
    return "partly" if left is not None and left.gains else "removed"
