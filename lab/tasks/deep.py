"""What `lab doctor --deep` checks: that rows, artifacts, recipes and data sets say the same. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from lab.data.store import is_whole
from lab.db.engine import reading_at_once
from lab.db.invariants import check_invariants
from lab.db.leftovers import find_unneeded
from lab.db.reuse import LOST
from lab.db.tables import Dataset, Job, State, StudyJob
from lab.errors import LabError
from lab.methods.recipe import Recipe, read_book
from lab.settings import load_settings
from lab.store.artifacts import artifact_of, artifacts
from lab.store.manifest import MANIFEST_FILE, parsed
from lab.store.remote import StoreError
from lab.tasks.base_identity import fingerprint
from lab.tasks.manifest import verify_artifact

Tell = Callable[[int, int], None]  # so many things of so many are checked


@dataclass(frozen=True, slots=True)
class Committed:
    """A job that has succeeded and that is needed."""

    id: int
    artifact: str
    manifest: str
    book: bool  # of a study's method


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and a sentence for each violation."""

    jobs: int
    artifacts: int
    data_sets: int
    violations: list[str]


def check_deeply(tell: Tell = lambda _, __: None) -> Checked:
    """Check everything there is; `tell` how far it is."""
    violations = check_invariants()
    with reading_at_once() as session:
        committed, data_sets = needed(session)
        jobs = len(session.exec(select(Job.id)).all())
    total = len(committed) + len(data_sets)
    whole, bases = {one.artifact: one.manifest for one in committed}, _Bases()
    for done, one in enumerate(committed):
        tell(done, total)
        found = list(_artifact(one, whole, bases))
        violations += found if found and _still_there(one) else []
    for done, row in enumerate(data_sets, len(committed)):
        tell(done, total)
        violations += data_set_faults(row)
    return Checked(jobs, len(committed), len(data_sets), violations)


def needed(session: Session) -> tuple[list[Committed], list[Dataset]]:
    """The artifacts and data sets that somebody needs, but for what is known to be lost."""
    spare = find_unneeded(session, timedelta(days=load_settings().keep_days))
    wanted = select(col(Job.id), col(Job.artifact), col(Job.manifest)).order_by(col(Job.id))
    known_lost = col(Job.key).startswith(LOST, autoescape=True)
    rows = session.exec(wanted.where(Job.state == State.SUCCEEDED, Job.kind != "chat", ~known_lost))
    books = set(session.exec(select(StudyJob.job).where(col(StudyJob.makes_book))))
    committed = [
        Committed(job or 0, artifact or "", manifest or "", job in books)
        for job, artifact, manifest in rows
        if job not in spare.jobs
    ]
    return committed, [row for row in session.exec(select(Dataset)) if row.digest not in spare.datasets]


def _still_there(one: Committed) -> bool:
    """Whether it is needed yet: somebody may have cleaned it away meanwhile."""
    with reading_at_once() as session:
        return any(one.id == other.id for other in needed(session)[0])


def _artifact(one: Committed, whole: Mapping[str, str], bases: _Bases) -> Iterator[str]:
    try:
        verify_artifact(one.artifact, one.manifest)
        if one.book:
            recipes = list(read_book(artifacts().fetched(one.artifact, one.manifest)).values())
            named = {folder for recipe in recipes for folder in _folders(recipe)}
            missing = sorted(folder for folder in named if not _is_there(folder, whole))
            yield from (
                f"job {one.id}: its recipes name {folder}, which is not there; run its study again"
                for folder in missing
            )
            yield from (f"job {one.id}: {fault}" for fault in bases.faults(recipes))
    except StoreError:
        raise
    except (LabError, OSError) as error:
        yield f"job {one.id}: {error}"


def _is_there(folder: str, whole: Mapping[str, str]) -> bool:
    """Whether a folder that a recipe names is one of a needed artifact; that its files are whole is looked at there."""
    artifact = artifact_of(folder)
    if artifact not in whole:
        return False
    try:
        place = artifacts().fetched(artifact, whole[artifact])
        files = parsed((place / MANIFEST_FILE).read_bytes(), artifact).files
    except StoreError:
        raise
    except (LabError, OSError):
        return True  # the artifact is at fault, and told once
    return any(f"{artifact}/{name}".startswith(f"{folder}/") for name in files)


def _folders(recipe: Recipe) -> Iterator[str]:
    """What a recipe reads beside its base model."""
    yield from (reference.folder for reference in recipe.adapters)
    if recipe.gated is not None:
        yield from (reference.folder for reference in recipe.gated.experts)
        yield recipe.gated.folder


class _Bases:
    """The base models in folders, each looked at once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def faults(self, recipes: Iterable[Recipe]) -> Iterator[str]:
        """A sentence for each base model that is not what it was."""
        for base, weights in sorted({(recipe.base, recipe.weights) for recipe in recipes if recipe.weights}):
            if base not in self._found:
                self._found[base] = fingerprint(base)
            if self._found[base] != weights:
                yield f"its base model in {base} is missing or another one by now; bring back the one it was trained on"


def data_set_faults(row: Dataset) -> Iterator[str]:
    """A sentence if it is not here, or not what it was."""
    folder = load_settings().artifacts / row.folder
    try:
        same = is_whole(artifacts().fetched(row.folder), row.digest)
    except StoreError:
        raise
    except (LabError, OSError):
        same = False
    if not same:
        yield (
            f"data set {row.name}: {folder} is missing or changed; remove what is left of it and bring it in again "
            "with `lab run` from where it came."
        )
