"""The study that another one extends, as it was kept and as it trained. Light to import."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lab.data.load import load
from lab.data.types import Dataset
from lab.db.queries import get_dataset, get_study
from lab.errors import LabError
from lab.methods.extend import check_extension, check_newcomers, plan_extension, stored
from lab.methods.plan import PlannedJob
from lab.methods.spec import Study
from lab.store.artifacts import artifacts


@dataclass(frozen=True)
class Extended:
    """A study that gets newcomers, and the digest of its own data."""

    spec: Study
    digest: str

    def check(self, study: Study, newcomers: Dataset) -> None:
        """Refuse newcomers that it has.

        Raises:
            LabError: says which one that is.
        """
        data = load(str(artifacts().fetched(get_dataset(self.digest).folder)))
        check_newcomers(study, _ids(newcomers), set(_ids(data.take(self.spec.personas or len(data.personas)))))

    def plan(self, study: Study, digest: str, weights: str) -> list[PlannedJob]:
        """The jobs of the study that extends it, after its own that they read."""
        return plan_extension(study, digest, self.spec, self.digest, weights)


def extended(study: Study) -> Extended | None:
    """The study that this one extends; None for a study by itself.

    Raises:
        LabError: it is not there, or has not trained what this one takes from it.
    """
    if study.extends is None:
        return None
    row = get_study(study.extends)
    older = stored(row.spec)
    check_extension(study, older)
    return Extended(older, row.dataset)


def check_shared(study: Study, jobs: Iterable[PlannedJob], there: Collection[str]) -> None:
    """Let nothing be trained anew on behalf of the study that this one extends; `there` are keys of what is whole.

    Raises:
        LabError: something of it is not finished or is lost.
    """
    missing = next((job for job in jobs if not job.serves and job.key not in there), None)
    if missing is not None:
        raise LabError(
            f"study '{study.name}': '{study.extends}', which it extends, has no finished {missing.kind} of "
            f"{missing.method}; wait for it with `lab wait {study.extends}`, or run that study again."
        )


def _ids(data: Dataset) -> list[str]:
    return [persona.persona_id for persona in data.personas]
