"""Which methods were fitted to val dialogues: on these, their scores tell nothing of how good they are."""

from __future__ import annotations

from collections.abc import Mapping

from lab.methods.method import Method


def fitted_to_val(declared: Mapping[str, Method], name: str) -> str | None:
    """The first method, of this one and all that it stands on, that val dialogues weighed or chose; else None.

    Stopping early and choosing among a sweep's settings look at val too, as every method does that is trained.
    """
    found = [name]
    for one in found:  # grows while it is gone through
        if _fits(declared[one]):
            return one
        found += [under for under in declared[one].stands_on if under not in found]
    return None


def _fits(method: Method) -> bool:
    learned = method.merge is not None and method.merge.weights == "learned"
    chosen = method.route is not None and method.route.how != "random"
    return learned or chosen or method.mixture is not None
