"""What the rows and data of a study prove about leakage, after the fact, without running anything again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.data.load import load
from lab.data.split import Split, check_leakage, split_by_time
from lab.data.types import Dataset, digest
from lab.db.lineage import Origin, origins
from lab.db.parents import splits_read
from lab.db.queries import StudyRow, get_dataset
from lab.db.tables import State
from lab.errors import LabError
from lab.methods.method import Method
from lab.methods.recipe import Recipe, read_book
from lab.methods.spec import Study
from lab.report.evidence import Check, Leakage
from lab.report.predictions import read_predictions
from lab.store.artifacts import artifacts

BEYOND = (
    "No row can show what a model was fed while it trained. That it is fed train dialogues of its group's own personas "
    "only, and is shown only older ones, is proved for every method of the catalogue by a test that reads all that "
    "goes in (tests/tasks/test_leakage.py)."
)
_TOLD = 5  # faults of one check
Left = TypeVar("Left")


@dataclass(frozen=True)
class _Study:
    """A study's data as its jobs see them, and its finished jobs."""

    row: StudyRow
    whole: Dataset
    data: Dataset
    split: Split
    jobs: list[Origin]
    declared: dict[str, Method]

    def of_parts(self, *parts: str) -> dict[str, set[str]]:
        """Persona → its dialogues of these parts."""
        return {
            persona: {one for part in parts for one in split.part(part)}  # type: ignore[arg-type]
            for persona, split in self.split.personas.items()
        }


def leakage(study: StudyRow, spec: Study) -> Leakage:
    """Check a study's data, jobs, predictions and recipe books; what cannot be read is a fault of its check.

    Raises:
        LabError: the data set itself is gone or cannot be read.
    """
    whole = load(str(artifacts().fetched(get_dataset(study.dataset).folder)))
    data = whole.take(spec.personas or len(whole.personas), spec.dialogues)
    jobs = [job for job in origins(study.id) if job.state == State.SUCCEEDED and job.artifact]
    it = _Study(study, whole, data, split_by_time(data, spec.split), jobs, spec.declared())
    evaluations = _once(job for job in jobs if job.does == "evaluate" and not job.is_shard)
    return Leakage(
        checks=(
            _data(it),
            _times(it),
            _older(it),
            *(_asked(it, evaluations, part) for part in ("val", "test")),
            _chosen(it),
            _histories(it),
        ),
        repeated=_repeated(it),
        beyond=BEYOND,
    )


def _once(jobs: Iterable[Origin]) -> list[Origin]:
    """Each job once, whatever methods it serves."""
    return list({job.job: job for job in jobs}.values())


def _check(name: str, says: str, found: Iterable[str]) -> Check:
    faults = list(found)
    more = [f"and {len(faults) - _TOLD} more"] if len(faults) > _TOLD else []
    return Check(name, says, (*faults[:_TOLD], *more))


# ---------------------------------------------------------------- data


def _data(it: _Study) -> Check:
    now = digest(it.whole)
    says = f"The data are those that the study was planned with: their digest is {it.row.dataset[:16]}."
    return _check("data", says, [] if now == it.row.dataset else [f"their digest is now {now[:16]}"])


def _times(it: _Study) -> Check:
    counts = ", ".join(f"{it.split.count(part)} {part}" for part in ("train", "val", "test"))
    says = (
        f"Splits are by time within each of {len(it.data.personas)} personas ({counts} dialogues): no dialogue is in "
        "two parts, belongs to another persona, or is newer than one of a later part."
    )
    return _check("time", says, check_leakage(it.data, it.split))


def _older(it: _Study) -> Check:
    """Retrieval looks among train dialogues, and only at what is strictly older; so what it can show is known."""
    of_train, later = it.of_parts("train"), it.of_parts("val", "test")

    def faults() -> Iterator[str]:
        for persona in it.data.personas:
            dialogues = it.data.of(persona.persona_id)
            train = [one.started_at for one in dialogues if one.dialogue_id in of_train[persona.persona_id]]
            asked = [one.started_at for one in dialogues if one.dialogue_id in later[persona.persona_id]]
            if max(train) >= min(asked):
                yield (
                    f"persona {persona.persona_id}: a train dialogue is not older than all val and test dialogues; "
                    "retrieval leaves it out where it is not older than the query"
                )

    says = (
        "Every train dialogue is older than every val and test dialogue of its persona, so whatever retrieval took "
        "from the history was older than the query."
    )
    return _check("history", says, faults())


def _repeated(it: _Study) -> float | None:
    """Share of test references that stand word for word among the answers of the persona's own train dialogues."""
    of_train, of_test = it.of_parts("train"), it.of_parts("test")
    n = same = 0
    for persona in it.data.personas:
        said: dict[bool, list[str]] = {True: [], False: []}
        for dialogue in it.data.of(persona.persona_id):
            if dialogue.dialogue_id in of_train[persona.persona_id] | of_test[persona.persona_id]:
                answers = [message.content for message in dialogue.messages if message.role == "assistant"]
                said[dialogue.dialogue_id in of_test[persona.persona_id]] += answers
        known = set(said[False])
        n += len(said[True])
        same += sum(answer in known for answer in said[True])
    return same / n if n else None


# ---------------------------------------------------------------- jobs


def _asked(it: _Study, evaluations: Sequence[Origin], part: str) -> Check:
    """Every prediction is of the split that it is scored as, and of its dialogue's own persona."""
    mine = [job for job in evaluations if job.spec.get("split") == part]
    allowed = it.of_parts(part)
    counted = 0
    found: list[str] = []
    for job in mine:
        for row in _readable(job, read_predictions, found):
            counted += 1
            if row.dialogue_id not in allowed.get(row.persona_id, ()):
                found.append(f"job {job.job}: dialogue {row.dialogue_id} is not of {part} of persona {row.persona_id}")
    says = (
        f"All {counted:,} predictions of {len(mine)} {part} evaluations are of {part} dialogues of their own personas."
    )
    return _check(f"{part} predictions", says, found)


def _chosen(it: _Study) -> Check:
    """What a merge, a gate or a route reads of scores is of val."""
    choosing = _once(job for job in it.jobs if job.does != "evaluate")
    read = splits_read([job.job for job in choosing])
    says = f"{len(read)} of {len(choosing)} jobs that train, merge or route are given scores, and of val only."
    faults = [f"job {job} reads scores of {split}" for job, some in read.items() for split in some if split != "val"]
    return _check("choices", says, faults)


def _histories(it: _Study) -> Check:
    """Nobody is served with another persona's dialogues, but where that is the control's very point."""
    books = [job for job in it.jobs if job.makes_book and not job.is_shard]
    swapped = {name for name in it.declared if _swaps(name, it.declared)}
    found: list[str] = []
    for job in books:
        if job.method in swapped:
            continue
        for persona, recipe in _readable(job, _recipes, found):
            if recipe.history not in ("", persona):
                found.append(f"{job.method}: persona {persona} is served with the dialogues of {recipe.history}")
    controls = sum(job.method in swapped for job in books)
    says = f"In {len(books) - controls} recipe books no persona is served with the dialogues of another"
    return _check("recipes", f"{says}; {controls} of controls do that on purpose." if controls else f"{says}.", found)


def _recipes(folder: Path) -> list[tuple[str, Recipe]]:
    return list(read_book(folder).items())


def _swaps(name: str, declared: dict[str, Method]) -> bool:
    method = declared[name]
    return method.swap or any(_swaps(under, declared) for under in method.stands_on)


def _readable(job: Origin, read: Callable[[Path], list[Left]], found: list[str]) -> list[Left]:
    """What a job left; where it cannot be read, that is a fault."""
    try:
        return read(artifacts().fetched(job.artifact, job.manifest))
    except (LabError, OSError) as error:
        found.append(f"job {job.job} ({job.kind} {job.method}): {LabError.of(error)}")
        return []
