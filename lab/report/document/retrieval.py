"""Which methods differ in the number of retrieved dialogues alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lab.methods.spec import Study
from lab.metrics.statistics import Summary
from lab.report.parts import RetrievalCurve


def retrieval_curves(declared: Study, summaries: Mapping[str, Summary]) -> list[RetrievalCurve]:
    """Evaluated methods that differ in retrieval's k alone, where there are two or more of a kind."""
    families: dict[str, list[tuple[int, str, Summary]]] = {}
    known = declared.declared()
    for name in declared.methods:
        method = known.get(name)
        if method is None or method.retrieve is None or name not in summaries:
            continue
        kind = method.model_copy(update={"retrieve": method.retrieve.model_copy(update={"k": 0})})
        families.setdefault(kind.model_dump_json(), []).append((method.retrieve.k, name, summaries[name]))
    return [
        RetrievalCurve(_common([name for _, name, _ in points]), tuple(sorted(points, key=lambda point: point[0])))
        for points in families.values()
        if len(points) > 1
    ]


def _common(names: Sequence[str]) -> str:
    """What the names begin with alike: `retrieval-k0`, `retrieval-k1` are `retrieval`."""
    shared = names[0]
    for name in names[1:]:
        while not name.startswith(shared):
            shared = shared[:-1]
    return re.sub(r"-k?$", "", shared) or names[0]
