"""A study that is being made: what is wrong with it, what it would cost, its file and its start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.data.store import NAME
from lab.db import queries
from lab.db.queries import StudyRow
from lab.errors import LabError
from lab.methods.estimate import JobEstimate
from lab.methods.extend import stored
from lab.methods.spec import Study, parse_toml
from lab.methods.written import reduced, written
from lab.settings import load_settings
from lab.tasks.costs import check_room, remarks, size_text, time_text, total
from lab.tasks.preview import Preview, preview
from lab.tasks.submit import declared, planned, prepare, queue, study_name
from lab.tui.draft import content, numbered, text_of
from lab.tui.feeds.concerns import concerns
from lab.tui.feeds.rest import Rest
from lab.tui.feeds.study_options import Options, options

_OPTIONS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, in the words of `lab run --plan`, and the field that it concerns; "": none of the form's."""

    field: str
    said: str


@dataclass(frozen=True, slots=True)
class Costs:
    """What a study would run."""

    total: str
    remarks: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]  # kind, jobs, reused, time, disk
    methods: tuple[str, ...]  # that it names, each for itself


@dataclass(frozen=True, slots=True)
class NewStudyView:
    """A study as it is now; without a fault and without costs, it is still being planned."""

    options: Options
    text: str
    path: Path  # of its file
    fault: Fault | None = None
    costs: Costs | None = None


class NewStudyFeed:
    """Checks a text at once, and plans it when it has stayed the same from one reading to the next."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rest = Rest(monotonic, least=_OPTIONS_SECONDS)
        self._options = Options((), (), (), (), ())
        self._view: NewStudyView | None = None
        self._checked = ""

    def read(self, text: str) -> NewStudyView:
        """The present view of a study file's text."""
        if self._rest.over:
            with self._rest.after():
                self._options = options()
        view = self._view
        if view is None or view.text != text:
            view = self._check(text)
        elif view.fault is None and view.costs is None:
            view = self._plan(view)
        elif view.options is not self._options:
            view = NewStudyView(self._options, text, view.path, view.fault, view.costs)
        self._view = view
        return view

    def hurry(self) -> None:
        """Something was brought in, so all is read and planned anew."""
        self._rest.end()
        self._view = None

    def _check(self, text: str) -> NewStudyView:
        path = path_of(text)
        try:
            declared(said_in(text, path), str(path))
        except Exception as error:
            return NewStudyView(self._options, text, path, _fault(error, text))
        return NewStudyView(self._options, text, path)

    def _plan(self, view: NewStudyView) -> NewStudyView:
        try:
            found = preview(planned(declared(said_in(view.text, view.path), str(view.path))))
            return NewStudyView(self._options, view.text, view.path, costs=_costs(found))
        except Exception as error:
            return NewStudyView(self._options, view.text, view.path, _fault(error, view.text))


def _fault(error: Exception, text: str) -> Fault:
    said = LabError.of(error)
    return Fault(concerns(said, text), str(said))


def _costs(found: Preview) -> Costs:
    said = [*remarks(found)]
    if found.estimate.bytes <= found.free:
        said.append(f"{size_text(found.free)} of disk are free")
    return Costs(total(found), tuple(said), tuple(_lines(found.estimate.jobs)), found.prepared.spec.methods)


def _lines(jobs: Sequence[JobEstimate]) -> Iterator[tuple[str, ...]]:
    for kind in dict.fromkeys(one.job.kind for one in jobs):
        mine = [one for one in jobs if one.job.kind == kind]
        new = [one for one in mine if not one.reused]
        if not new:
            yield kind, str(len(mine)), "all", "", ""
            continue
        seconds = time_text(sum(one.seconds for one in new)).removeprefix("about ").replace("less than", "<")
        disk = size_text(sum(one.bytes or 0 for one in new)) if any(one.bytes for one in new) else ""
        yield kind, str(len(mine)), str(len(mine) - len(new) or ""), seconds, disk


# ---------------------------------------------------------------- the file


def path_of(text: str) -> Path:
    """Where a study file is kept: under the study's name, or under `study` where it has none that will do."""
    name = content(text).get("name")
    stem = name if isinstance(name, str) and NAME.fullmatch(name.replace("+", "-")) else "study"
    path = load_settings().artifacts / "studies" / f"{stem}.toml"
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path  # as one would type it


def said_in(text: str, path: Path) -> dict[str, Any]:
    """What `lab run` would read in the file."""
    return {"name": path.stem} | parse_toml(text, path)


def is_other(text: str) -> bool:
    """Whether a file of this name is there and says something else."""
    path = path_of(text)
    return path.is_file() and path.read_text("utf-8", "replace") != text


def save(text: str) -> Path:
    """Write the study file; returns where it is.

    Raises:
        LabError: it cannot be written.
    """
    path = path_of(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".toml.new")
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise LabError(f"{path}: this file cannot be written ({error.strerror}); mend that.") from None
    return path


def start(text: str) -> tuple[str, int, Path]:
    """Save the study and queue it as `lab run FILE` does; returns its name, the number of its jobs, and the file.

    Raises:
        LabError: something about the study does not fit, or there is no room for it; then nothing is queued.
    """
    from lab.tasks.local import ensure_running
    from lab.tasks.sweep import ring

    path = save(text)
    prepared = prepare(path, {})
    check_room(preview(prepared))
    study, jobs = queue(prepared)
    ensure_running()
    ring()
    return study.name, len(jobs), path


# ---------------------------------------------------------------- texts to begin with


def fresh_study(dataset: str = "") -> str:
    """A study of this data set, else of the newest, with the three methods that every comparison begins with."""
    found = options()
    dataset = dataset or next((one.name for one in found.sources), "")
    data = {"data": dataset} if dataset else {}
    base = found.bases[0][0]
    name = numbered(study_name(data["data"], base) if data else "study", found.taken)
    content = {"base": base, "methods": ["base", "unified", "persona"], "evaluate": ["val", "test"]}
    return text_of({"name": name} | data | content)


def clone_of_study(study: str) -> str:
    """A study's file under a fresh name.

    Raises:
        LabError: there is no such study, or it has the new personas of another one.
    """
    row = queries.get_study(study)
    return _cloned(f"as study {row.name}", written(_own(row)))


def clone_of_job(job: int) -> str:
    """The file of the study of a job, reduced to the job's method and what it stands on, its settings written out.

    Raises:
        LabError: no study has the job, or none has its method, or it is for new personas.
    """
    row = queries.get_job(job).row
    newest = next((study for study in queries.list_studies() if study.name in row.studies), None)
    if newest is None:
        raise LabError(f"job {job} is of no study any more; n makes a new one.")
    study = _own(newest)
    if row.method not in study.declared():
        raise LabError(f"job {job}: study '{study.name}' has no method '{row.method}' now; n makes a new one.")
    return _cloned(f"{row.method} as in study {study.name}, job {job}", reduced(study, row.method))


def _own(row: StudyRow) -> Study:
    """A study that stands by itself: one that extends another takes its settings, and the ids given to newcomers."""
    study = stored(row.spec)
    if study.extends:
        raise LabError(
            f"study '{row.name}' has new personas for '{study.extends}': clone that one, or add others to it with "
            f"`lab persona add {study.extends} DATA`."
        )
    return study


def _cloned(whence: str, said: dict[str, Any]) -> str:
    return f"# {whence}\n" + text_of(said | {"name": numbered(said["name"], options().taken)})
