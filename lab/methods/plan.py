"""From a study to its jobs: shared work appears once, under a key made of everything it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson

from lab.methods.declare import Cluster, Merge, Training
from lab.methods.spec import Method, Study

# Part of every key: raise it when a change makes old artifacts wrong to reuse.
ENGINE_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job before it has a row; `parents` are keys of jobs earlier in the plan."""

    key: str
    kind: str
    method: str
    spec: dict[str, Any]
    parents: tuple[str, ...] = ()
    makes_book: bool = False
    serves: tuple[str, ...] = ()


def job_key(kind: str, spec: dict[str, Any], parents: tuple[str, ...]) -> str:
    """sha256 over kind, spec (which names the data by digest), parents' keys and engine version."""
    content = orjson.dumps([ENGINE_VERSION, kind, spec, parents], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def plan(study: Study, data_digest: str, weights: str = "") -> list[PlannedJob]:
    """The jobs of a study, parents before children.

    `weights` tells base models of one name apart: the fingerprint of a folder, "" where the name says it all.

    A method that another one stands on is trained once, and evaluated only if the study names it.
    """
    return _Planner(study, data_digest, weights).plan()


class _Planner:
    def __init__(self, study: Study, data_digest: str, weights: str) -> None:
        self.study = study
        self.methods = study.declared()
        self.data = {
            "data": data_digest,
            "personas": study.personas,
            "dialogues": study.dialogues,
            "shares": list(study.split),
        }
        self.base = {"base": study.base} | ({"weights": weights} if weights else {})
        self.model = self.base | {"dtype": study.dtype}
        self.jobs: dict[str, PlannedJob] = {}

    def plan(self) -> list[PlannedJob]:
        for seed in self.study.seeds:
            for name in self.study.methods:
                book = self._book(name, seed)
                for split in self.study.evaluate:
                    self._evaluate(name, book, split, seed)
        return list(self.jobs.values())

    def _add(self, kind: str, method: str, spec: dict[str, Any], **inputs: str) -> str:
        """A job that reads the artifacts of others, by the role that each plays for it."""
        if inputs:
            spec = spec | {"inputs": inputs}
        parents = tuple(dict.fromkeys(inputs.values()))
        key = job_key(kind, spec, parents)
        known = self.jobs.get(key)
        if known is None:
            # Only a job that ends in recipes can be chatted with or stood on.
            makes_book = kind not in ("evaluate", "cluster")
            self.jobs[key] = PlannedJob(key, kind, method, spec, parents, makes_book, (method,))
        elif method not in known.serves:
            self.jobs[key] = replace(known, serves=(*known.serves, method))
        return key

    def _book(self, name: str, seed: int) -> str:
        """The key of the job whose artifact holds the method's recipe book."""
        method = self.methods[name]
        inputs = {"under": self._book(method.on, seed)} if method.on else {}
        if method.merge is not None:
            return self._merge(name, method, method.merge, seed)
        if method.parameters == "none":
            # No seed: nothing is drawn, so every seed shares it.
            return self._add("recipes", name, self.data | self.base | _shown(method), **inputs)
        if method.share == "cluster":
            inputs["clusters"] = self._clusters(name, method, seed)
        return self._add("train", name, self._train_spec(method, seed) | _shown(method), **inputs)

    def _clusters(self, name: str, method: Method, seed: int) -> str:
        cluster = (method.cluster or Cluster()).model_dump(mode="json")
        return self._add("cluster", name, self.data | {"seed": seed, "cluster": cluster})

    def _merge(self, name: str, method: Method, merge: Merge, seed: int) -> str:
        book = self._book(merge.of, seed)
        inputs = {"of": book, "clusters": self._clusters(name, method, seed)}
        if merge.weights == "val-centrality":
            inputs["scores"] = self._evaluate(merge.of, book, "val", seed)
        spec = self.base | {"seed": seed, "merge": merge.model_dump(mode="json", exclude={"of"})}
        return self._add("merge", name, self.data | spec, **inputs)

    def _train_spec(self, method: Method, seed: int) -> dict[str, Any]:
        training = Training(**self.study.training.model_dump() | method.training)
        lora = method.parameters == "lora"
        sweep = {name: values for name, values in method.sweep.model_dump(mode="json").items() if values}
        return {
            **self.data,
            **self.model,
            "seed": seed,
            "share": method.share,
            "parameters": method.parameters,
            **({"lora": method.lora.model_dump(mode="json")} if lora else {"tokens": method.tokens}),
            "training": training.model_dump(mode="json"),
            **({"sweep": sweep} if sweep else {}),
        }

    def _evaluate(self, name: str, book: str, split: str, seed: int) -> str:
        answer = {"split": split, "seed": seed, "max_new_tokens": self.study.max_new_tokens}
        return self._add("evaluate", name, self.data | self.model | answer, book=book)


def _shown(method: Method) -> dict[str, Any]:
    """What the method adds to the prompt."""
    shown: dict[str, Any] = {} if method.prompt == "none" else {"prompt": method.prompt}
    return shown | ({"retrieve": method.retrieve.model_dump(mode="json")} if method.retrieve else {})
