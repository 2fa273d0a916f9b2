"""New personas for a study that is over: what they take from it, and the jobs that fit them alone.

What the older study trained is shared as it is. Whatever everybody or a cluster shares serves the newcomers too;
what each persona has of its own is made for them as it was made for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lab.errors import LabError
from lab.methods.declare import Merge
from lab.methods.method import Method
from lab.methods.plan import PlannedJob, Planner, shown
from lab.methods.spec import Study, parse_study

# Of a user embedding only a vector is fitted, whose numbers are of size 1: a rate made for weights would not move it.
VECTOR_RATE = 0.1

_FIXED = ("base", "dtype", "split", "training", "method")  # decide how a method is trained and served
_USUAL = ("methods", "seeds", "dialogues", "evaluate", "max_new_tokens")  # taken over unless said


def stored(spec: Mapping[str, Any]) -> Study:
    """A study as it was kept, `model_dump(mode="json")`."""
    return parse_study({**spec, "method": _tables(spec)}, f"study '{spec['name']}'")


def inherited(content: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, Any]:
    """What a study that extends another one says, over what it takes from that one's kept spec."""
    taken = {name: older[name] for name in (*_FIXED, *_USUAL)}
    return taken | {"method": _tables(older)} | dict(content)


def _tables(spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A study's own methods as they were written: what is so by default may not be said of every method."""
    default = Method(parameters="none").model_dump(mode="json")
    return {
        name: {key: value for key, value in table.items() if key == "parameters" or value != default.get(key)}
        for name, table in spec["method"].items()
    }


def check_extension(study: Study, older: Study) -> None:
    """Refuse what the older study has not trained, or would have trained otherwise.

    Raises:
        LabError: says which key or method that is.
    """
    where = f"study '{study.name}'"
    if study.name == older.name:
        raise LabError(f"{where}: it cannot extend itself; give the newcomers a study of another name.")
    if older.extends:
        raise LabError(
            f"{where}: '{older.name}' has the newcomers of '{older.extends}' only; extend '{older.extends}' itself."
        )
    for key in _FIXED:
        if getattr(study, key) != getattr(older, key):
            raise LabError(f"{where}: '{key}' is that of '{older.name}', which it extends; leave it out.")
    if more := [seed for seed in study.seeds if seed not in older.seeds]:
        raise LabError(f"{where}: '{older.name}', which it extends, has no seed {more[0]}; take one of its own.")
    known = list(_reached(older))
    for name in study.methods:
        if name not in known:
            raise LabError(
                f"{where}: '{older.name}', which it extends, has no method '{name}'; it has {', '.join(known)}."
            )


def _reached(study: Study) -> Iterator[str]:
    """A study's methods and those that they stand on."""
    declared, found = study.declared(), list(study.methods)
    for name in found:  # grows while it is gone through
        found += [under for under in declared[name].stands_on if under not in found]
        yield name


def check_newcomers(study: Study, personas: Iterable[str], known: Collection[str]) -> None:
    """Refuse a persona that the older study has; `known` are the ids of its personas.

    Raises:
        LabError: says which one that is.
    """
    twice = next((persona for persona in personas if persona in known), None)
    if twice is not None:
        raise LabError(
            f"study '{study.name}': persona '{twice}' is in study '{study.extends}' already; give the new one an id of "
            "its own: `persona_id` in its file, or `lab persona add` with --id."
        )


def plan_extension(
    study: Study, data_digest: str, older: Study, older_digest: str, weights: str = ""
) -> list[PlannedJob]:
    """The jobs of a study of newcomers, parents before children; those of the older study serve no method of it."""
    planner = _Extension(study, data_digest, weights, Planner(older, older_digest, weights))
    own = planner.plan()
    return [*(replace(job, makes_book=False, serves=()) for job in planner.older.jobs.values()), *own]


class _Extension(Planner):
    def __init__(self, study: Study, data_digest: str, weights: str, older: Planner) -> None:
        super().__init__(study, data_digest, weights)
        self.older = older

    def _book(self, name: str, seed: int) -> str:
        method = self.methods[name]
        if method.route is not None:
            return self._unrouted(name, method.route.among[0], seed)
        if method.mixture is not None:
            return self._adopt(name, seed, under=self.book(method.mixture.of, seed))
        if method.swap and method.on:
            drawn = {"swap": True, "seed": seed}
            return self._add("recipes", name, self.data | self.base | drawn, others=self.older.book(method.on, seed))
        if method.learns and method.share != "persona":
            return self._shared(name, method, seed)
        return super()._book(name, seed)

    def _unrouted(self, name: str, first: str, seed: int) -> str:
        """The method that stays where nothing is known to be better: a newcomer's few val dialogues tell little."""
        return self._add("recipes", name, self.data | self.base | {"instead": first}, under=self.book(first, seed))

    def _shared(self, name: str, method: Method, seed: int) -> str:
        """What others share, taken over; of a user embedding the newcomer's vector is fitted."""
        inputs = {"under": self.book(method.on, seed)} if method.on else {}
        if method.share == "cluster":
            inputs["clusters"] = self.clusters(name, seed)
        if method.parameters != "user-embedding":
            return self._adopt(name, seed, **inputs)
        spec = self._train_spec(method, seed)
        spec.pop("sweep", None)
        spec["training"] |= {"learning_rate": VECTOR_RATE}
        return self._add("fit", name, spec, of=self.older.book(name, seed), **inputs)

    def _adopt(self, name: str, seed: int, **inputs: str) -> str:
        spec = self.data | self.base | shown(self.methods[name])
        return self._add("adopt", name, spec, of=self.older.book(name, seed), **inputs)

    def clusters(self, name: str, seed: int) -> str:
        return self.older.clusters(name, seed)

    def start(self, name: str, seed: int) -> str:
        return self.older.start(name, seed)

    def _others(self, merge: Merge, seed: int) -> dict[str, str]:
        book = self.older.book(merge.of, seed)
        if merge.weights != "val-centrality":
            return {"others": book}
        return {"others": book, "scores of others": self.older.evaluation(merge.of, book, "val", seed)}
