"""Which methods can stand on which others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from lab.errors import LabError
from lab.methods.fitted import fitted_to_val
from lab.methods.method import Method

_DEEPEST = 50
Methods = Mapping[str, Method]


def check_methods(declared: Methods, families: Mapping[str, tuple[str, ...]], names: Iterable[str], where: str) -> None:
    """Refuse a method that is not there, that stands on itself, or on what cannot carry it.

    `families` are names that stand for several methods.

    Raises:
        LabError: one sentence that begins with `where`.
    """
    sound: dict[str, int] = {}
    for name in names:
        _check_method(declared, families, name, where, (), sound)


def check_candidates(declared: Methods, names: Iterable[str], where: str) -> None:
    """Refuse a route by val among methods that were fitted to val: they look better on it than they are.

    For new studies; one that was kept before this was refused can still be read.

    Raises:
        LabError: one sentence that begins with `where`.
    """
    found = list(dict.fromkeys(names))
    for name in found:  # grows while it is gone through
        found += [under for under in declared[name].stands_on if under not in found]
        route = declared[name].route
        for one in route.among if route is not None and route.how != "random" else ():
            if fitted := fitted_to_val(declared, one):
                stands = "" if fitted == one else f", which '{one}' stands on,"
                raise LabError(
                    f"{where}: '{name}' chooses by val scores, but '{fitted}'{stands} was itself fitted to val; "
                    f"leave '{one}' out of 'among'."
                )


def _check_method(
    declared: Methods,
    families: Mapping[str, tuple[str, ...]],
    name: str,
    where: str,
    above: tuple[str, ...],
    sound: dict[str, int],
) -> None:
    """One method and all that it stands on, but for what is found sound already; `sound` says how deep each stands."""
    if name in sound:
        return
    if name in above:
        circle = " → ".join([*above, name])
        raise LabError(f"{where}: methods stand on each other in a circle: {circle}; break it.")
    _check_depth(len(above), (*above, name)[0], where)
    if name not in declared:
        if name in families:
            raise LabError(f"{where}: '{name}' is several methods; name one of {', '.join(families[name])}.")
        near = difflib.get_close_matches(name, declared, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known methods: {', '.join(declared)}."
        raise LabError(f"{where}: there is no method '{name}'; {hint}")
    for under in declared[name].stands_on:
        _check_method(declared, families, under, where, (*above, name), sound)
    depth = 1 + max((sound[under] for under in declared[name].stands_on), default=0)
    _check_depth(depth, name, where)
    _check_shares(declared, name, where)
    _check_weights_are_here(declared, name, where)
    _check_adapters(declared, name, where)
    _check_swap(declared, name, where)
    sound[name] = depth


def _check_depth(depth: int, name: str, where: str) -> None:
    if depth > _DEEPEST:
        raise LabError(f"{where}: '{name}' stands on {_DEEPEST} methods or more, one on another; use fewer.")


def _check_shares(declared: Methods, name: str, where: str) -> None:
    """Who shares what is learned must share what it stands on."""
    under = declared.get(declared[name].on or "")
    if under is None or not declared[name].learns:
        return
    wide, narrow = _SHARES.index(declared[name].share), _SHARES.index(_served_to(declared, under))
    if wide < narrow:
        raise LabError(
            f"{where}: '{name}' is shared by {declared[name].share}, but '{declared[name].on}', which it stands on, "
            f"differs by {_SHARES[narrow]}; let it stand on a method that is shared as widely."
        )


def _check_weights_are_here(declared: Methods, name: str, where: str) -> None:
    """Nothing is learned on top of a model that runs elsewhere, nor out of it."""
    method = declared[name]
    far = _endpoint_under(declared, name)
    if far and far != name and (method.learns or method.merge or method.mixture):
        raise LabError(
            f"{where}: '{name}' learns from weights, but those of '{far}', which it stands on, are behind an endpoint; "
            "let it stand on a method of the base model, or add only 'prompt' or 'retrieve'."
        )


def _endpoint_under(declared: Methods, name: str) -> str | None:
    """The first method with an endpoint among this one and all that it stands on."""
    found = [name]
    for one in found:  # grows while it is gone through
        if declared[one].endpoint:
            return one
        found += [under for under in declared[one].stands_on if under not in found]
    return None


def _check_adapters(declared: Methods, name: str, where: str) -> None:
    """LoRAs alone can be merged, weighed by a gate, or lie beneath what is trained."""
    method = declared[name]
    what, verb = (method.merge and method.merge.of), "merge"
    if method.mixture:
        what, verb = method.mixture.of, "weigh"
    if what and _top(declared, what) != "lora":
        raise LabError(f"{where}: '{name}' has nothing to {verb}: '{what}' ends in no LoRA; name a method that does.")
    if what and _served_to(declared, declared[what]) == "everyone":
        raise LabError(
            f"{where}: '{name}' has one adapter only to {verb}: '{what}' serves everyone alike; name one that does not."
        )
    if method.on and method.learns:
        under = _not_a_lora(declared, method.on)
        if under:
            raise LabError(
                f"{where}: '{name}' cannot be trained on top of '{under}': only LoRAs can lie beneath what is trained."
            )


def _check_swap(declared: Methods, name: str, where: str) -> None:
    """A control of what nobody has of their own controls nothing."""
    method = declared[name]
    if method.swap and method.on and _serves_alike(declared, method.on):
        raise LabError(
            f"{where}: '{name}' swaps what is the same for all: '{method.on}' serves everyone alike; name one that "
            "does not."
        )


def _serves_alike(declared: Methods, name: str) -> bool:
    """Whether no persona has adapters or a prompt of its own."""
    method = declared[name]
    told = method.prompt != "none" or method.retrieve
    below = not method.on or _serves_alike(declared, method.on)
    return not told and below and _served_to(declared, method) == "everyone"


def _top(declared: Methods, name: str) -> str:
    """What a method adds last to the base model: lora, soft-prompt, …, or none."""
    method = declared[name]
    if method.merge:
        return "lora"
    if method.mixture or method.route or method.endpoint:
        return "several"
    if method.learns or not method.on:
        return method.parameters
    return _top(declared, method.on)


def _not_a_lora(declared: Methods, name: str) -> str | None:
    """The first method that adds something else than LoRAs, among this one and those it stands on."""
    method = declared[name]
    if method.mixture or (method.learns and method.parameters != "lora"):
        return name
    return _not_a_lora(declared, method.on) if method.on else None


_SHARES = ("everyone", "cluster", "persona")  # from wide to narrow


def _served_to(declared: Methods, method: Method) -> str:
    """Who has one and the same adapters under this method."""
    below = declared.get(method.on or "")
    whole = method.merge or method.mixture or method.route or method.swap
    own = "persona" if whole or method.parameters == "user-embedding" else method.share
    shares = [own if whole or method.learns else "everyone"]
    return max([*shares, *([_served_to(declared, below)] if below else [])], key=_SHARES.index)
