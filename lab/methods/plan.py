"""From a study to its jobs: shared work appears once, under a key made of everything it depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson

from lab.methods.declare import Augment, Cluster, Merge, Mixture, Route, Training
from lab.methods.method import Method
from lab.methods.spec import Study

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
    return Planner(study, data_digest, weights).plan()


class Planner:
    """Plans one study; the jobs so far are in `jobs`, by key."""

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
        self._books: dict[tuple[str, int], str] = {}

    def plan(self) -> list[PlannedJob]:
        """All jobs, parents before children."""
        for seed in self.study.seeds:
            for name in self.study.methods:
                book = self.book(name, seed)
                for split in self.study.evaluate:
                    self.evaluation(name, book, split, seed)
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
            makes_book = kind not in ("evaluate", "cluster", "augment", "meta")
            self.jobs[key] = PlannedJob(key, kind, method, spec, parents, makes_book, (method,))
        elif method not in known.serves:
            self.jobs[key] = replace(known, serves=(*known.serves, method))
        return key

    def book(self, name: str, seed: int) -> str:
        """The key of the job whose artifact holds the method's recipe book."""
        if (name, seed) not in self._books:  # however many stand on it
            self._books[name, seed] = self._book(name, seed)
        return self._books[name, seed]

    def _book(self, name: str, seed: int) -> str:
        method = self.methods[name]
        if method.merge is not None:
            return self._merge(name, method, method.merge, seed)
        if method.mixture is not None:
            return self._mixture(name, method, method.mixture, seed)
        if method.route is not None:
            return self._route(name, method.route, seed)
        inputs = {"under": self.book(method.on, seed)} if method.on else {}
        if not method.learns:
            # Without a seed where nothing is drawn, so that every seed shares it.
            drawn = {"swap": True, "seed": seed} if method.swap else {}
            return self._add("recipes", name, self.data | self.base | shown(method) | drawn, **inputs)
        return self._train(name, method, seed, inputs)

    def _train(self, name: str, method: Method, seed: int, under: dict[str, str]) -> str:
        inputs = under | self._learned_from(name, method, seed)
        if method.meta is not None:
            inputs["start"] = self.start(name, seed)
        return self._add("train", name, self._train_spec(method, seed), **inputs)

    def _learned_from(self, name: str, method: Method, seed: int) -> dict[str, str]:
        """What decides beside the declaration who learns from what."""
        inputs = {}
        if method.share == "cluster":
            inputs["clusters"] = self.clusters(name, seed)
        if method.augment is not None:
            inputs["augmented"] = self._augment(name, method.augment, seed)
        return inputs

    def start(self, name: str, seed: int) -> str:
        """The key of the job that learns where the method's adapters start, whatever is trained from there."""
        method = self.methods[name]
        assert method.meta is not None
        spec = self._train_spec(method, seed) | {"meta": method.meta.model_dump(mode="json")}
        return self._add("meta", name, spec, **self._learned_from(name, method, seed))

    def clusters(self, name: str, seed: int) -> str:
        """The key of the job that finds the method's clusters."""
        cluster = (self.methods[name].cluster or Cluster()).model_dump(mode="json")
        return self._add("cluster", name, self.data | {"seed": seed, "cluster": cluster})

    def _merge(self, name: str, method: Method, merge: Merge, seed: int) -> str:
        book = self.book(merge.of, seed)
        inputs = {"of": book} | ({"clusters": self.clusters(name, seed)} if merge.compares else {})
        spec = self.base | {"seed": seed, "merge": merge.model_dump(mode="json", exclude={"of"})}
        if merge.weights == "val-centrality":
            inputs["scores"] = self.evaluation(merge.of, book, "val", seed)
        elif merge.weights == "learned":
            spec |= self.model | {"training": self._training(method)}
        return self._add("merge", name, self.data | spec, **inputs, **self._others(merge, seed))

    def _others(self, merge: Merge, seed: int) -> dict[str, str]:
        """Whose adapters are merged beside those of the study's own personas: nobody's."""
        del merge, seed
        return {}

    def _mixture(self, name: str, method: Method, mixture: Mixture, seed: int) -> str:
        spec = {"seed": seed, "training": self._training(method), "top": mixture.top}
        return self._add("mixture", name, self.data | self.model | spec, of=self.book(mixture.of, seed))

    def _route(self, name: str, route: Route, seed: int) -> str:
        books = {f"book {number}": self.book(one, seed) for number, one in enumerate(route.among)}
        scores = {}
        if route.how != "random":
            scores = {
                f"scores {number}": self.evaluation(one, books[f"book {number}"], "val", seed)
                for number, one in enumerate(route.among)
            }
        spec = {"seed": seed, "route": route.model_dump(mode="json")}
        return self._add("route", name, self.data | self.base | spec, **books, **scores)

    def _augment(self, name: str, augment: Augment, seed: int) -> str:
        spec = {"seed": seed, "augment": augment.model_dump(mode="json")}
        return self._add("augment", name, self.data | self.model | spec)

    def _training(self, method: Method) -> dict[str, Any]:
        return Training(**self.study.training.model_dump() | method.training).model_dump(mode="json")

    def _train_spec(self, method: Method, seed: int) -> dict[str, Any]:
        sweep = {name: values for name, values in method.sweep.model_dump(mode="json").items() if values}
        wanted = {"lora": ("lora",), "user-embedding": ("lora", "tokens")}.get(method.parameters, ("tokens",))
        declared = method.model_dump(mode="json", include={*wanted, "constrain", "multitask"})
        return {
            **self.data,
            **self.model,
            "seed": seed,
            "share": method.share,
            "parameters": method.parameters,
            **{name: part for name, part in declared.items() if part is not None},
            "training": self._training(method),
            **({"sweep": sweep} if sweep else {}),
            **shown(method),
        }

    def evaluation(self, name: str, book: str, split: str, seed: int) -> str:
        """The key of the job that evaluates a book."""
        answer = {"split": split, "seed": seed, "max_new_tokens": self.study.max_new_tokens}
        return self._add("evaluate", name, self.data | self.model | answer, book=book)


def shown(method: Method) -> dict[str, Any]:
    """What the method adds to the prompt, and the model elsewhere that it asks."""
    added: dict[str, Any] = {} if method.prompt == "none" else {"prompt": method.prompt}
    for name in ("endpoint", "retrieve"):
        if (part := getattr(method, name)) is not None:
            added[name] = part.model_dump(mode="json")
    return added
