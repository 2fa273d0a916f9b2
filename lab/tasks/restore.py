"""`lab restore`: a backup into an empty lab, on whatever database. Light to import.

Everything is unpacked beside the artifacts and checked there. Then the folders get their names, and one transaction
makes it a lab; should that fail, the folders go back.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, delete, select

from lab.data.store import is_whole
from lab.db import portable
from lab.db.engine import connected, reading
from lab.db.jobs import leave
from lab.db.lab_id import lab_id, lab_id_in
from lab.db.migrate import migrate
from lab.db.reuse import LOST
from lab.db.tables import Dataset, Job, LabId, State, Study
from lab.errors import LabError
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.store.checkpoints import publish_checkpoint
from lab.tasks.archive import FILES, ROWS, Tell, Unpacked, unpack, unpacking
from lab.tasks.leftovers import DATASETS
from lab.tasks.manifest import verify_manifest
from lab.tasks.owner import check_owned, give_places_to

_FOLDER = re.compile(rf"[1-9]\d{{0,17}}/[1-9]\d{{0,17}}(?:/[\w-][\w.-]*)*|{DATASETS}/[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a lab was made of."""

    version: str  # that wrote the backup
    studies: int
    jobs: int
    files: int
    bytes: int


def restore(file: Path, tell: Tell = lambda _, __: None) -> Restored:
    """Make this lab, which has to be empty, the one that was backed up.

    Jobs that ran when it was written are READY and go on from the checkpoints that they had.

    Raises:
        LabError: the lab is not empty, or the file is not a whole backup; then nothing is changed.
    """
    file = file.expanduser().resolve()
    migrate()
    with reading() as session:
        _check_empty(session)
    root = load_settings().artifacts
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=root) as temporary, unpacking(file):
        folder = Path(temporary)
        about = unpack(file, folder, shutil.disk_usage(root).free, tell)
        (folder / FILES).mkdir(exist_ok=True)
        try:
            rows = portable.load(folder / ROWS, about.revision, folder / "rows.db")
            return _put_in_place(rows, folder / FILES, about)
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise LabError(f"its rows do not fit together ({reason})") from None


def _put_in_place(rows: Engine, files: Path, about: Unpacked) -> Restored:
    try:
        with Session(rows) as session:
            _check(session, files)
            _check_numbers(max((job or 0 for job in session.exec(select(Job.id)).all()), default=0))
            kept, lab = _named(session), lab_id_in(session) or lab_id()
            check_owned((lab, lab_id()))
        with _placed(files, load_settings().artifacts):
            _publish(kept)
            with connected(writing=True) as connection:
                studies, jobs = _fill(rows, connection, lab)
        give_places_to(lab)
    finally:
        rows.dispose()
    return Restored(about.version, studies, jobs, about.members, about.bytes)


def _check_empty(session: Session) -> None:
    for table, what in ((Job, "jobs"), (Study, "studies")):
        if session.exec(select(table).limit(1)).first() is not None:
            raise LabError(
                f"this lab has {what} already, and a backup is restored into an empty one only; set LAB_ARTIFACTS, "
                "and LAB_DATABASE_URL if there is one, to a new place."
            )


def _check(session: Session, files: Path) -> None:
    """The rows name what is there, and nothing outside."""
    for row in session.exec(select(Dataset)):
        _inside(row.folder)
        if not (files / row.folder).is_dir():
            raise LabError(f"data set {row.name} is missing in it")
        if not is_whole(files / row.folder, row.digest):
            raise LabError(f"data set {row.name} in it is another one than its row tells of")
    for job in session.exec(select(Job)):
        for folder in filter(None, (job.artifact, job.checkpoint)):
            _inside(folder)
        if job.state is State.SUCCEEDED and job.kind != "chat" and not job.key.startswith(LOST):
            verify_manifest(files / (job.artifact or ""), job.manifest or "")


def _check_numbers(last: int) -> None:
    """Jobs to come get the numbers after the last one's: what lies under these would be taken for theirs.

    Such are the jobs that ran after the backup was made.
    """
    here = artifacts()
    places = {str(here.root): [path.name for path in here.root.iterdir()]}
    if here.remote is not None:
        places[f"the store {here.remote.shown}"] = here.remote.folders("")
    for place, names in places.items():
        if later := sorted(int(name) for name in names if name.isdecimal() and int(name) > last):
            raise LabError(
                f"its last job is {last}, but {place} has folders of later ones ({', '.join(map(str, later[:3]))}"
                f"{', …' if later[3:] else ''}), whose numbers new jobs will get; name an empty one, or remove these"
            )


def _inside(folder: str) -> None:
    if not _FOLDER.fullmatch(folder):
        raise LabError(f"a row in it names the folder {folder!r:.100}, which no lab has")


# ---------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class _Named:
    artifacts: list[str]
    checkpoints: list[str]


def _named(session: Session) -> _Named:
    """The folders that rows name: artifacts and data sets, and checkpoints."""
    known_lost = col(Job.key).startswith(LOST, autoescape=True)
    done = select(Job.artifact).where(Job.state == State.SUCCEEDED, Job.kind != "chat", ~known_lost)
    committed = session.exec(done)
    data = session.exec(select(Dataset.folder))
    rest = session.exec(select(Job.checkpoint).where(Job.state != State.SUCCEEDED, col(Job.checkpoint).is_not(None)))
    return _Named([*(one or "" for one in committed), *data], [one or "" for one in rest])


@contextmanager
def _placed(files: Path, root: Path) -> Iterator[None]:
    """Have the folders where they belong; back out again if what comes next fails."""
    moved: list[tuple[Path, Path]] = []
    try:
        for source in _pieces(files):
            target = root / source.relative_to(files)
            if target.exists() and target.parent.name == DATASETS:
                continue  # named by what is in it
            if target.exists():
                raise LabError(f"{target} is there already, though no row names it; move it out of the way")
            target.parent.mkdir(exist_ok=True)
            source.rename(target)
            moved.append((source, target))
        yield
    except BaseException:
        for source, target in moved:
            target.rename(source)
        raise


def _pieces(files: Path) -> Iterator[Path]:
    """The folders of jobs, each data set, and the conversations of each study."""
    for path in sorted(files.iterdir()):
        yield from [path] if path.name.isdecimal() else sorted(path.iterdir())


def _publish(named: _Named) -> None:
    """To the store, if this lab has one, where other machines look."""
    here = artifacts()
    if here.remote is None:
        return
    for folder in named.artifacts:
        here.publish(folder)
    for folder in named.checkpoints:
        if (here.root / folder).is_dir():
            publish_checkpoint(here, folder)


# ---------------------------------------------------------------- rows


def _fill(rows: Engine, connection: Connection, lab: str) -> tuple[int, int]:
    """Copy the rows, and end what ran elsewhere; returns how many studies and jobs there are."""
    with Session(connection) as session:
        _check_empty(session)
        session.execute(delete(Dataset))  # brought in and never used
        session.execute(delete(LabId))
        portable.copy(rows, connection)
        session.merge(LabId(value=lab))  # that of the backup; one of an older schema has none
        root, jobs = load_settings().artifacts, 0
        for job in session.exec(select(Job).order_by(col(Job.id))):
            jobs += job.kind != "chat"
            if job.checkpoint and job.state is not State.SUCCEEDED and not (root / job.checkpoint).is_dir():
                job.checkpoint, job.checkpoint_step = None, 0
            if job.state is State.RUNNING:
                asked = job.cancel_requested
                leave(session, job, State.CANCELLED if asked else State.READY, "its worker stayed where it was")
        studies = len(session.exec(select(Study.id)).all())
        session.flush()
        return studies, jobs
