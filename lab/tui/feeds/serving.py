"""Which method serves a persona best, from its val dialogues alone: test decides nothing, not even between equals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from lab.db.lineage import origins
from lab.db.queries import StudyRow
from lab.db.tables import State
from lab.methods.extend import stored
from lab.methods.fitted import fitted_to_val
from lab.metrics.intervals import Interval
from lab.metrics.paired import Against, Runs, against, over_seeds
from lab.metrics.statistics import summarise_many
from lab.report.controls import is_control
from lab.report.document.left import read_route, readable
from lab.report.document.trace import evaluations
from lab.report.parts import Gain, Route
from lab.report.predictions import read_predictions
from lab.report.results import MAIN_METRIC, REFERENCE, VAL, persona_scores
from lab.store.artifacts import artifacts


@dataclass(frozen=True, slots=True)
class Served:
    """One method on the val dialogues of one persona; the interval and `versus` are over these dialogues."""

    method: str
    score: float  # mean over turns and seeds, as the lab keeps it
    interval: Interval | None
    versus: Against | None  # unified; None for unified itself
    n: int  # dialogues


@dataclass(frozen=True, slots=True)
class Routed:
    """What a router gave a persona; `gain` is what it thought the choice adds on val, None where it judged nothing."""

    router: str
    how: str
    chosen: str
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What val says of a whole study. A route is no candidate: it was chosen on these scores already."""

    candidates: tuple[str, ...]  # in the order of the study, which decides between equals
    scores: Mapping[str, Mapping[str, float]]  # candidate → persona → similarity on val
    routes: tuple[Route, ...]
    missing: tuple[str, ...]

    def ranking(self, persona: str) -> list[str]:
        """The candidates that have a score, the best first."""
        known = [name for name in self.candidates if persona in self.scores[name]]
        return sorted(known, key=lambda name: -self.scores[name][persona])

    def best(self, persona: str) -> str:
        """The candidate of the highest val score, or nothing without one."""
        return next(iter(self.ranking(persona)), "")

    def gain(self, persona: str) -> float | None:
        """How far the best is above unified."""
        own, reference = self.best(persona), self.scores.get(REFERENCE, {}).get(persona)
        return None if not own or reference is None else self.scores[own][persona] - reference

    def favourites(self, personas: Sequence[str]) -> list[tuple[str, int]]:
        """How many of these each method serves best, most first."""
        return Counter(filter(None, map(self.best, personas))).most_common()

    def routed(self, persona: str) -> list[Routed]:
        """What each router of the study gave the persona."""
        return [
            Routed(one.method, one.how, one.chosen[persona], one.gains.get(persona, {}).get(one.chosen[persona]))
            for one in self.routes
            if persona in one.chosen
        ]


def choices_of(study: StudyRow) -> Choices:
    """Val scores and routes; what cannot be read is told in `missing`."""
    declared = stored(study.spec).declared()
    scores = persona_scores(study, VAL, MAIN_METRIC, by="Personas screen")
    order = [name for name in study.spec["methods"] if name in scores]
    order += [name for name in scores if name not in order]
    candidates = [
        name
        for name in order
        if name not in declared or not (is_control(declared[name]) or fitted_to_val(declared, name))
    ]
    missing: list[str] = []
    jobs = [one for one in origins(study.id) if one.state == State.SUCCEEDED]
    routes = [one for one in readable(jobs, "route", read_route, missing) if one.how != "random"]
    return Choices(tuple(candidates), {name: scores[name] for name in candidates}, tuple(routes), tuple(missing))


def served(study: StudyRow, persona: str, choices: Choices) -> tuple[Served, ...]:
    """Every candidate on the persona's val dialogues, the best first.

    Raises:
        LabError: predictions are gone or damaged.
    """
    dialogues = _dialogues(study, persona, choices.candidates)
    ranking = [name for name in choices.ranking(persona) if name in dialogues]
    summaries = summarise_many([(over_seeds(dialogues[name]), True) for name in ranking])
    runs = {name: dialogues[name] for name in ranking}
    versus = {one.method: one for one in against(runs, REFERENCE, ranks=False)} if REFERENCE in runs else {}
    return tuple(
        Served(name, choices.scores[name][persona], summary.interval, versus.get(name), summary.n)
        for name, summary in zip(ranking, summaries, strict=True)
    )


def _dialogues(study: StudyRow, persona: str, methods: Sequence[str]) -> dict[str, Runs]:
    """Method → seed → val dialogue → its similarity, the mean over turns."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for one in evaluations(origins(study.id), VAL):
        if one.method not in methods:
            continue
        turns: defaultdict[str, list[float]] = defaultdict(list)
        for row in read_predictions(artifacts().fetched(one.artifact, one.manifest), persona):
            turns[row.dialogue_id].append(row.similarity)
        if turns:
            found.setdefault(one.method, {})[one.seed] = {key: fmean(own) for key, own in turns.items()}
    return dict(found)
