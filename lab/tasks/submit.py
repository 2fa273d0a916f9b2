"""From a study to planned jobs: import its data, plan, write rows. Light to import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.data.load import load
from lab.data.store import keep, locate
from lab.data.types import digest
from lab.db.queries import StudyRow, get_study
from lab.db.reuse import forget, succeeded
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Study
from lab.errors import LabError
from lab.methods.plan import plan
from lab.methods.spec import Study as StudySpec
from lab.methods.spec import parse_study, read_study
from lab.settings import load_settings
from lab.tasks.base_identity import fingerprint, located
from lab.tasks.manifest import verify_manifest


def submit(file: Path | None, overrides: dict[str, Any]) -> tuple[StudyRow, list[int]]:
    """Plan a study given by a file, by options, or by both.

    Returns:
        the study and the ids of its jobs, parents first.

    Raises:
        LabError: something about the study, its data or its methods does not fit; then nothing is queued.
    """
    settings = load_settings()
    spec = _spec(file, overrides, settings.base)
    dataset = import_data(spec.data)
    _check_size(spec, dataset)
    spec = spec.model_copy(update={"base": located(spec.base)})
    jobs = plan(spec, dataset.digest, fingerprint(spec.base))
    _forget_lost([job.key for job in jobs])
    row = Study(name=spec.name, spec=spec.model_dump(mode="json"), dataset=dataset.digest, base=spec.base)
    ids = save_study(row, jobs, max_tries=settings.tries)
    return get_study(spec.name), ids


def _forget_lost(keys: Sequence[str]) -> None:
    """Of what was computed before, reuse what is still there as it was committed."""
    artifacts = load_settings().artifacts
    for job in succeeded(keys):
        try:
            verify_manifest(artifacts / (job.artifact or ""), job.manifest or "")
        except (LabError, OSError):
            forget(job.id or 0)


def _spec(file: Path | None, overrides: dict[str, Any], default_base: str) -> StudySpec:
    if file is not None:
        return read_study(file, overrides, {"base": default_base})
    if "data" not in overrides:
        raise LabError("lab run: name a data set with --data, or give a study file.")
    content = {"base": default_base, **overrides}
    if "name" not in content:
        content["name"] = _name(content["data"], content["base"])
    return parse_study(content, "lab run")


def _name(data: str, base: str) -> str:
    """A name for a study that was given none, from whatever its data and base model are called."""
    names = (Path(data).resolve().name, Path(base).name)
    words = (re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-._") for name in names)
    return "-".join(word for word in words if word)[:80] or "study"


def import_data(source: str) -> Dataset:
    """Bring in a data set kept by `lab data import`, a folder or a hub name; the same content is stored once.

    Raises:
        LabError: it is none of these, or its files are at fault.
    """
    artifacts = load_settings().artifacts
    dataset = load(locate(source, artifacts / "data"))
    content = digest(dataset)
    folder = keep(dataset, artifacts / "datasets", content[:16])
    row = Dataset(
        digest=content,
        name=Path(source).name,
        source=source,
        folder=folder.relative_to(artifacts).as_posix(),
        n_personas=len(dataset.personas),
        n_dialogues=len(dataset.dialogues),
    )
    save_dataset(row)
    return row


def _check_size(spec: StudySpec, dataset: Dataset) -> None:
    if spec.personas is not None and spec.personas > dataset.n_personas:
        raise LabError(
            f"study '{spec.name}': {spec.personas} personas are asked for, but {dataset.name} has "
            f"{dataset.n_personas}; ask for fewer."
        )
