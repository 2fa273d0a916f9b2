"""From a study to planned jobs: import its data, plan, write rows. Light to import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.data.load import load
from lab.data.rename import renamed
from lab.data.split import Split, split_by_time
from lab.data.store import is_whole, keep, locate
from lab.data.types import Dataset as DialogueData
from lab.data.types import digest
from lab.db.queries import StudyRow, get_study
from lab.db.reuse import forget, specs, succeeded
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Study
from lab.errors import LabError
from lab.methods.base_shape import ALL_LINEAR
from lab.methods.extend import inherited
from lab.methods.histories import short_histories
from lab.methods.plan import PlannedJob, plan
from lab.methods.shard import shard, shards_of
from lab.methods.spec import Study as StudySpec
from lab.methods.spec import parse_study, read_content
from lab.methods.together import check_candidates
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.store.remote import StoreError
from lab.tasks.base_config import linear_layers
from lab.tasks.base_identity import fingerprint, located
from lab.tasks.base_source import doubt_of
from lab.tasks.devices import live_devices
from lab.tasks.extended import check_shared, extended
from lab.tasks.manifest import verify_artifact
from lab.tasks.owner import check_owner
from lab.tasks.versions import check_version


@dataclass(frozen=True)
class Prepared:
    """A study that is planned and could be queued."""

    spec: StudySpec
    dataset: Dataset
    data: DialogueData  # what the study takes of it
    split: Split
    jobs: list[PlannedJob]
    reused: frozenset[str]  # keys of the jobs that succeeded before and whose artifacts are whole
    lost: tuple[int, ...]  # ids of those whose artifacts are not
    warnings: tuple[str, ...]


def submit(file: Path | None, overrides: dict[str, Any]) -> tuple[StudyRow, list[int]]:
    """Plan a study given by a file, by options, or by both, and queue it.

    Returns:
        the study and the ids of its jobs, parents first.

    Raises:
        LabError: something about the study, its data or its methods does not fit; then nothing is queued.
    """
    return queue(prepare(file, overrides))


def prepare(file: Path | None, overrides: dict[str, Any], persona_id: str | None = None) -> Prepared:
    """Plan a study; its data are brought in, with another id for their only persona if one is given; nothing is queued.

    Raises:
        LabError: something about the study, its data or its methods does not fit.
    """
    return planned(_spec(file, overrides), persona_id)


def planned(spec: StudySpec, persona_id: str | None = None) -> Prepared:
    """Plan a study whose declaration has been read; otherwise as `prepare`."""
    spec = spec.model_copy(update={"base": located(spec.base)})
    older = extended(spec)
    dataset, data = _import(spec.data, persona_id)
    _check_size(spec, dataset, data)
    data = data.take(spec.personas or dataset.n_personas, spec.dialogues)
    if older:
        older.check(spec, data)
    split = split_by_time(data, spec.split)
    warnings = short_histories(spec, {persona: len(one.train) for persona, one in split.personas.items()})
    weights = fingerprint(spec.base)
    jobs = older.plan(spec, dataset.digest, weights) if older else plan(spec, dataset.digest, weights)
    known = {key: shards_of(spec) for key, spec in specs([job.key for job in jobs]).items()}
    jobs = shard(jobs, len(live_devices()), len(data.personas), known)
    reused, lost = _there(jobs)
    check_shared(spec, jobs, reused)
    warnings += _check_base(spec, [job for job in jobs if job.key not in reused])
    return Prepared(spec, dataset, data, split, jobs, reused, lost, tuple(warnings))


def queue(prepared: Prepared) -> tuple[StudyRow, list[int]]:
    """Queue a study; returns it and the ids of its own jobs, parents first.

    Raises:
        LabError: workers of another version are at work, or the artifacts are another database's.
    """
    check_version()
    check_owner()
    for job in prepared.lost:
        forget(job)
    spec = prepared.spec
    artifacts().publish(prepared.dataset.folder)
    row = Study(name=spec.name, spec=spec.model_dump(mode="json"), dataset=prepared.dataset.digest, base=spec.base)
    ids = save_study(row, prepared.jobs, max_tries=load_settings().tries)
    return get_study(spec.name), [job for job, planned in zip(ids, prepared.jobs, strict=True) if planned.serves]


def _there(jobs: Sequence[PlannedJob]) -> tuple[frozenset[str], tuple[int, ...]]:
    """Of what was computed before, the keys of what is there as it was committed, and the ids of what is not.

    Of what an evaluation found nothing is missing when what it read is gone. All else is there only with all that it
    stands on: its recipes name adapters that lie there.
    """
    stands_on = {job.key: job.parents for job in jobs if job.kind != "evaluate"}
    there: set[str] = set()
    lost = []
    for job in succeeded([job.key for job in jobs]):  # parents first
        try:
            verify_artifact(job.artifact or "", job.manifest or "")
            whole = there.issuperset(stands_on.get(job.key, ()))
        except StoreError:
            raise
        except (LabError, OSError):
            whole = False
        if whole:
            there.add(job.key)
        else:
            lost.append(job.id or 0)
    return frozenset(there), tuple(lost)


def _spec(file: Path | None, overrides: dict[str, Any]) -> StudySpec:
    said = overrides if file is None else read_content(file) | overrides
    if file is None and "data" not in said:
        raise LabError("lab run: name a data set with --data, or give a study file.")
    command = "lab persona add" if said.get("extends") else "lab run"
    return declared(said, command if file is None else str(file))


def declared(said: dict[str, Any], where: str) -> StudySpec:
    """The study that a file or options say, over what this lab and the study that it extends have for it.

    Raises:
        LabError: as `parse_study` and `check_candidates`; or the study that it extends is not there.
    """
    extends = said.get("extends")
    default = {"base": load_settings().base, "dtype": load_settings().dtype}
    content = inherited(said, get_study(extends).spec) if isinstance(extends, str) else default | said
    if "name" not in content:
        content["name"] = study_name(content["data"], content["base"])
    study = parse_study(content, where)
    check_candidates(study.declared(), study.methods, where)
    return study


def study_name(data: str, base: str) -> str:
    """A name for a study that was given none, from whatever its data and base model are called."""
    names = (Path(data).resolve().name, Path(base).name)
    words = (re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-._") for name in names)
    return "-".join(word for word in words if word)[:80] or "study"


def import_data(source: str) -> Dataset:
    """Bring in a data set kept by `lab data import`, a folder or a hub name; the same content is stored once.

    Raises:
        LabError: it is none of these, or its files are at fault.
    """
    return _import(source)[0]


def _import(source: str, persona_id: str | None = None) -> tuple[Dataset, DialogueData]:
    root = load_settings().artifacts
    dataset = load(locate(source, root / "data"))
    if persona_id is not None:
        dataset = renamed(dataset, persona_id, source)
    content = digest(dataset)
    folder = root / "datasets" / content[:16]
    row = Dataset(
        digest=content,
        name=Path(source).name,
        source=source,
        folder=folder.relative_to(root).as_posix(),
        n_personas=len(dataset.personas),
        n_dialogues=len(dataset.dialogues),
    )
    save_dataset(row)  # before its folder is there: a folder without a row is cleaned away
    if not is_whole(folder, content):  # a worker may have been killed while it fetched it
        keep(dataset, folder.parent, folder.name, replace=True)
    return row, dataset


def _check_size(spec: StudySpec, dataset: Dataset, data: DialogueData) -> None:
    if spec.personas is not None and spec.personas > dataset.n_personas:
        raise LabError(
            f"study '{spec.name}': {spec.personas} personas are asked for, but {dataset.name} has "
            f"{dataset.n_personas}; ask for fewer."
        )
    most, persona = max((len(data.of(one.persona_id)), one.persona_id) for one in data.personas)
    if spec.dialogues is not None and spec.dialogues > most and not spec.extends:  # a newcomer takes the number over
        raise LabError(
            f"persona {persona} has {most} dialogues and none has more, but {spec.dialogues} of each are asked for; "
            "ask for fewer."
        )


def _check_base(spec: StudySpec, jobs: Sequence[PlannedJob]) -> list[str]:
    """What speaks against the base model of jobs that are to run.

    Raises:
        LabError: it cannot be had, or it has not the layers that a LoRA adapts.
    """
    declared = spec.declared()
    if not jobs or all(declared[name].endpoint for name in spec.methods):
        return []
    doubt, layers = doubt_of(spec.base), linear_layers(spec.base)
    for job in jobs:
        targets = job.spec.get("lora", {}).get("targets", ())
        missing = [name for name in targets if name not in (*layers, ALL_LINEAR)]
        if layers and missing:
            raise LabError(
                f"method '{job.method}' adapts {', '.join(missing)}, but {spec.base} has no such linear layer; "
                f"it has {', '.join(layers)}."
            )
    return [doubt] if doubt else []
