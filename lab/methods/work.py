"""What the jobs of a plan have to do, and what they leave on disk: counted, not tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import orjson

from lab.methods.base_shape import BaseShape
from lab.methods.counts import Counts, Part, PersonaCounts
from lab.methods.declare import Merge, Training
from lab.methods.plan import PlannedJob
from lab.methods.retrieve import MAX_CHARACTERS, MAX_LINE
from lab.methods.shard import in_shard

UNITS = {  # what the work of a kind is counted in, as its result calls it
    "train": "tokens",
    "meta": "tokens",
    "mixture": "tokens",
    "fit": "tokens",
    "evaluate": "turns",
    "merge": "adapters",
    "augment": "asked",  # dialogues
    "recipes": "personas",
    "adopt": "personas",
}

_FLOAT = 4  # bytes: whatever is learned is kept in float32
_FILES = 4096  # bytes of an adapter's configuration and headers
_RECIPE = 800  # bytes of a persona's recipe
_TURN = 500  # bytes of a turn's scores and answer
_DIALOGUE = 200  # tokens of a dialogue whose turns are measured, about
_PREFERENCES = 80  # tokens
_SHOWN = {"examples": MAX_CHARACTERS / 4, "summary": MAX_LINE / 2, "preferences": 20}  # tokens for each dialogue


@dataclass(frozen=True, slots=True)
class Work:
    """So many of its kind's units, and the bytes it leaves; None where the base model's shape is not known.

    `longer` is how many times as much is read for a turn as without what the method shows of the user.
    """

    amount: float
    bytes: int | None
    longer: float = 1.0


def works(
    jobs: Sequence[PlannedJob], counts: Counts, shape: BaseShape | None, learned: Mapping[str, float]
) -> dict[str, Work]:
    """The work of each job, by key; `learned` says how many weights earlier trainings had (see `learned_key`)."""
    return _Works(jobs, counts, shape, learned).all()


def learned_key(spec: Mapping[str, Any]) -> str:
    """What decides how many weights each group of a training learns."""
    lora = [largest_rank(spec), spec["lora"]["targets"]] if "lora" in spec else None
    what = [spec["base"], spec.get("weights", ""), spec["parameters"], lora, spec.get("tokens")]
    return orjson.dumps(what, option=orjson.OPT_SORT_KEYS).decode()


def largest_rank(spec: Mapping[str, Any]) -> int:
    """Of a training's LoRAs, those of its sweep included."""
    return int(max([spec["lora"]["rank"], *spec.get("sweep", {}).get("rank", ())]))


class _Works:
    def __init__(
        self, jobs: Sequence[PlannedJob], counts: Counts, shape: BaseShape | None, learned: Mapping[str, float]
    ) -> None:
        self._jobs = {job.key: job for job in jobs}
        self._counts, self._shape, self._learned = counts, shape, learned

    def all(self) -> dict[str, Work]:
        return {key: Work(self._amount(job), self._bytes(job), self._longer(job)) for key, job in self._jobs.items()}

    # ---------------------------------------------------------------- how much there is to do

    def _amount(self, job: PlannedJob) -> float:
        spec = job.spec
        if job.kind in ("train", "fit"):
            return self._tokens(job, "train") * Training(**spec["training"]).epochs * _settings(spec)
        if job.kind == "mixture":
            return self._tokens(job, "val") * Training(**spec["training"]).epochs
        if job.kind == "meta":
            return self._meta(job)
        if job.kind == "evaluate":
            return sum(one.parts[spec["split"]].turns for one in self._personas(job))
        if job.kind == "merge":
            return self._merged(job)
        if job.kind == "augment":
            return float(sum(max(0, spec["augment"]["to"] - n) for n in self._train_dialogues))
        return len(self._counts) if job.kind in ("recipes", "adopt") else 1

    def _personas(self, job: PlannedJob) -> list[PersonaCounts]:
        """Those that the job is for: all, or those of its shard."""
        return in_shard(list(self._counts.values()), job.spec)

    @cached_property
    def _train_dialogues(self) -> list[int]:
        return [len(one.parts["train"].lengths) for one in self._counts.values()]

    def _tokens(self, job: PlannedJob, part: str) -> float:
        """Of everybody's dialogues of a part, as the model reads them."""
        longest = job.spec.get("training", {}).get("max_length", math.inf)
        prompt, retrieve = self._told(job)
        augmented = self._jobs.get(job.spec.get("inputs", {}).get("augmented", ""))
        total = 0.0
        for one in self._personas(job):
            own = len(one.parts["train"].lengths)
            more = {"none": 0, "description": one.description, "preferences": _PREFERENCES}[prompt]
            shown = min(retrieve["k"], own) * _SHOWN[retrieve["show"]] if retrieve else 0
            times = max(1.0, augmented.spec["augment"]["to"] / own) if augmented and part == "train" else 1.0
            total += times * one.parts[part].tokens(more + shown, longest)
        return total

    def _longer(self, job: PlannedJob) -> float:
        if job.kind != "evaluate":
            return 1.0
        parts = [one.parts[job.spec["split"]] for one in self._personas(job)]
        more = self._tokens(job, job.spec["split"]) - sum(part.tokens() for part in parts)
        return 1 + more / max(sum(len(part.lengths) for part in parts), 1) / _DIALOGUE

    def _meta(self, job: PlannedJob) -> float:
        meta, batch = job.spec["meta"], job.spec["training"]["batch_size"]
        steps = meta["steps"] + (meta["how"] == "fomaml")  # the gradient is that of one batch more
        dialogue = self._tokens(job, "train") / sum(self._train_dialogues)
        return float(meta["rounds"] * min(meta["personas"], self._groups(job)) * steps * batch * dialogue)

    def _told(self, job: PlannedJob) -> tuple[str, Mapping[str, Any] | None]:
        """What its recipes say of the user, and what they retrieve."""
        below = self._below(job)
        prompt, retrieve = self._told(below) if below else ("none", None)
        return job.spec.get("prompt", prompt), job.spec.get("retrieve", retrieve)

    def _below(self, job: PlannedJob) -> PlannedJob | None:
        """The job whose recipes this one reads or adds to."""
        inputs = job.spec.get("inputs", {})
        roles = ("book", "under", "of", "others", "book 0")
        return next((self._jobs[inputs[role]] for role in roles if role in inputs), None)

    # ---------------------------------------------------------------- how many adapters, and how large

    def _groups(self, job: PlannedJob) -> int:
        share = job.spec["share"]
        return {"everyone": 1, "persona": len(self._personas(job))}.get(share) or self._clusters(job)

    def _clusters(self, job: PlannedJob) -> int:
        """As many as are asked for, or a guess: how many there are shows when they are found."""
        n = len(self._counts)
        k = self._jobs[job.spec["inputs"]["clusters"]].spec["cluster"]["k"]
        return min(n, k or math.ceil(math.sqrt(n)))

    def _merged(self, job: PlannedJob) -> int:
        """Merged adapters: personas whose merge is the same share one."""
        merge = Merge(**job.spec["merge"], of="any")
        if merge.nearest is not None or merge.weights in ("cosine", "learned"):
            return len(self._counts)
        return self._clusters(job) if merge.within == "cluster" else 1

    def _weights(self, job: PlannedJob) -> float | None:
        """How many weights each adapter of its own has, or of what it serves with."""
        if _does(job) in ("train", "meta"):
            return self._learned.get(learned_key(job.spec)) or self._by_shape(job.spec)
        below = self._below(job)
        each = self._weights(below) if below else None
        if job.kind != "merge" or each is None:
            return each
        merge = Merge(**job.spec["merge"], of="any")
        if merge.how != "exact":
            return each
        members = len(self._counts) / (self._clusters(job) if merge.within == "cluster" else 1)
        return each * min(merge.nearest or members, members)

    def _by_shape(self, spec: Mapping[str, Any]) -> float | None:
        if self._shape is None:
            return None
        if spec["parameters"] == "soft-prompt":
            return self._shape.soft_prompt(spec["tokens"])
        if spec["parameters"] == "prefix":
            return self._shape.prefix(spec["tokens"])
        lora = self._shape.lora(largest_rank(spec), spec["lora"]["targets"])
        if spec["parameters"] == "lora" or lora is None:
            return lora
        prompt, vector = self._shape.soft_prompt(spec["tokens"]), 64
        return lora + prompt * (vector + 1) + len(self._counts) * (prompt + vector)  # each user's prompt is kept too

    # ---------------------------------------------------------------- what is left on disk

    def _bytes(self, job: PlannedJob) -> int | None:
        n = len(self._personas(job))
        if _does(job) == "evaluate":
            return round(sum(_predictions(one.parts[job.spec["split"]]) for one in self._personas(job)))
        if job.kind == "augment":
            return round(self._amount(job) * self._dialogue_bytes)
        if job.kind not in ("train", "meta", "merge"):
            return n * _RECIPE
        each = self._weights(job)
        return None if each is None else round(self._adapters(job) * (_FLOAT * each + _FILES)) + n * _RECIPE

    def _adapters(self, job: PlannedJob) -> int:
        """Adapters kept, those in the checkpoint that stays beside them counted too."""
        if job.kind == "merge":
            return self._merged(job)
        if job.kind == "meta":
            return 5  # the start; in the checkpoint the start, the best one, and two moments
        return self._groups(job) * (1 + _settings(job.spec))

    @cached_property
    def _dialogue_bytes(self) -> float:
        train = [one.parts["train"] for one in self._counts.values()]
        return fmean(part.bytes / len(part.lengths) for part in train)


def _does(job: PlannedJob) -> str:
    """The kind of job that it is, or that it joins the shards of."""
    return str(job.spec.get("joins", job.kind))


def _settings(spec: Mapping[str, Any]) -> int:
    """Combinations of a sweep."""
    return math.prod(len(values) for values in spec.get("sweep", {}).values())


def _predictions(part: Part) -> float:
    """Bytes of the predictions of one persona's dialogues: each holds what came before it."""
    per_dialogue = part.turns / max(len(part.lengths), 1)
    return part.bytes * (per_dialogue + 1) / 2 + part.turns * _TURN
