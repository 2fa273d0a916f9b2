"""A study as the file that somebody could have written for it, whole or reduced to one of its methods."""

from __future__ import annotations

from typing import Any

from lab.methods.declare import Training
from lab.methods.method import Method
from lab.methods.spec import Study

_PARTS = ("cluster", "merge", "mixture", "route", "endpoint", "retrieve", "constrain", "multitask", "meta", "augment")


def written(study: Study) -> dict[str, Any]:
    """What a study says for itself, without what is so by default."""
    said = study.model_dump(mode="json", exclude_defaults=True, exclude={"method"})
    said["methods"] = list(study.methods)
    own = {name: method.model_dump(mode="json", exclude_defaults=True) for name, method in study.method.items()}
    return said | ({"method": own} if own else {})


def reduced(study: Study, name: str) -> dict[str, Any]:
    """The study with this method alone and those that it stands on, its settings written out so as to be changed."""
    declared = study.declared()
    kept = [*_under(declared, name), name]
    said = written(study)
    own = {one: table for one, table in said.get("method", {}).items() if one in kept}
    return said | {"methods": kept, "method": own | {name: written_out(declared[name], study.training)}}


def _under(declared: dict[str, Method], name: str) -> list[str]:
    """What a method stands on, and what that stands on, the lowest first, each once."""
    found: dict[str, None] = {}

    def gather(above: str) -> None:
        for under in declared[above].stands_on:
            if under not in found:
                gather(under)
                found[under] = None

    gather(name)
    return list(found)


def written_out(method: Method, training: Training) -> dict[str, Any]:
    """A method's declaration with every setting that it uses, also where it is the usual one.

    Args:
        training: the study's, which holds where the method says nothing else.
    """
    said = method.model_dump(mode="json", exclude_defaults=True)
    whole = method.model_dump(mode="json", exclude_none=True)
    said |= {name: whole[name] for name in _PARTS if name in whole}
    if method.parameters in ("lora", "user-embedding"):
        said["lora"] = whole["lora"]
    if method.parameters in ("soft-prompt", "prefix", "user-embedding"):
        said["tokens"] = whole["tokens"]
    if method.learns or method.mixture or (method.merge and method.merge.weights == "learned"):
        trained = Training(**training.model_dump() | method.training)
        said["training"] = trained.model_dump(mode="json", exclude_none=True)
    return said
