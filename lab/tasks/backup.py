"""`lab backup`: the rows and the files that they name, as of one moment, in one file. Light to import.

What is in it is what `lab clean` would leave: studies with all that they stand on, and jobs that have not ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection
from sqlmodel import Session, col, select

from lab import __version__
from lab.db import portable
from lab.db.engine import connected
from lab.db.leftovers import find_unneeded
from lab.db.tables import Dataset, Job, State, now
from lab.errors import LabError
from lab.paths import part_of
from lab.settings import load_settings
from lab.store.artifacts import artifacts
from lab.store.checkpoints import fetched_checkpoint
from lab.store.manifest import MANIFEST_FILE, parsed
from lab.tasks.archive import FILES, ROWS, Packer, Tell, is_name
from lab.tasks.deep import Committed, data_set_faults, needed
from lab.tasks.leftovers import CHATS, KEPT

_LOOKS = 3  # at a checkpoint that is being replaced


@dataclass(frozen=True, slots=True)
class Packed:
    """What a backup holds."""

    file: Path
    bytes: int
    rows: int
    jobs: int
    files: int
    anew: int  # jobs whose checkpoint lies on another machine alone: where it is restored, they start anew


@dataclass(frozen=True, slots=True)
class _Moment:
    """The database as it was."""

    revision: str
    rows: int
    jobs: int
    committed: list[Committed]
    checkpoints: list[str]
    data_sets: list[Dataset]


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    path: Path
    digest: str | None = None


def backup(file: Path, tell: Tell = lambda _, __: None) -> Packed:
    """Write everything that is needed into a new file, while workers go on.

    Raises:
        LabError: there is such a file, no room for it, or something in the lab is damaged; then no file is left.
    """
    file = file.expanduser().resolve()
    # A name of its own: nobody else writes there, and nobody can have put a link there.
    root, part = load_settings().artifacts, part_of(file)
    try:
        _check_free(file)
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=root) as temporary:
            moment = _look(Path(temporary))
            kept = [name for name in moment.checkpoints if _freeze(name, Path(temporary))]
            members = list(_members(moment, kept, Path(temporary)))
            total = _check_room(file, members)
            _write(part, moment, members, total, tell)
            _check_free(file)  # somebody else's backup may have been faster
            part.rename(file)
    except OSError as error:
        raise LabError(f"{file} was not written ({error.strerror}: {error.filename}); mend that.") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    anew = len(moment.checkpoints) - len(kept)
    return Packed(file, file.stat().st_size, moment.rows, moment.jobs, len(members), anew)


def _check_free(file: Path) -> None:
    if file.exists():
        raise LabError(f"{file} is there already; name another file.")


def _look(temporary: Path) -> _Moment:
    """The rows, written down in `temporary`, and what they name, all as of one moment."""
    (temporary / ROWS).mkdir()
    with connected(writing=False, snapshot=True) as connection:
        return _moment(connection, temporary / ROWS)


def _moment(connection: Connection, folder: Path) -> _Moment:
    with Session(connection) as session:
        spare = find_unneeded(session, timedelta(days=load_settings().keep_days))
        committed, data_sets = needed(session)
        rest = select(Job.id, Job.checkpoint).where(Job.state != State.SUCCEEDED, col(Job.checkpoint).is_not(None))
        checkpoints = [checkpoint or "" for job, checkpoint in session.exec(rest) if job not in spare.jobs]
        jobs = len(set(session.exec(select(Job.id).where(Job.kind != "chat"))) - spare.jobs)
    rows = portable.dump(connection, folder, [*spare.jobs, *spare.datasets])
    return _Moment(portable.head(connection), rows, jobs, committed, checkpoints, data_sets)


# ---------------------------------------------------------------- what belongs to it


def _members(moment: _Moment, checkpoints: list[str], temporary: Path) -> Iterator[_Member]:
    """Every file; those of checkpoints as they were kept, for they do not wait."""
    for path in sorted((temporary / ROWS).iterdir()):
        yield _Member(f"{ROWS}/{path.name}", path)
    for name in checkpoints:
        yield from _below(temporary / name, f"{FILES}/{name}")
    for one in moment.committed:
        yield from _artifact(one)
    for row in moment.data_sets:
        if fault := next(data_set_faults(row), None):
            raise LabError(fault)
        yield from _below(artifacts().fetched(row.folder), f"{FILES}/{row.folder}")
    for own in (KEPT, CHATS):
        yield from _below(load_settings().artifacts / own, f"{FILES}/{own}")


def _artifact(one: Committed) -> Iterator[_Member]:
    """The files of an artifact, those that only the store has brought here."""
    here = artifacts()
    manifest = here.fetched(one.artifact, one.manifest) / MANIFEST_FILE
    if not manifest.is_file():
        raise LabError(f"job {one.id}: {manifest} is missing; run its study again, then back up.")
    files = parsed(manifest.read_bytes(), str(manifest)).files
    yield _Member(f"{FILES}/{one.artifact}/{MANIFEST_FILE}", manifest, one.manifest)
    paths = here.fetch([f"{one.artifact}/{name}" for name in files], one.manifest)
    for (name, digest), path in zip(files.items(), paths, strict=True):
        yield _Member(f"{FILES}/{one.artifact}/{name}", path, digest)


def _below(folder: Path, name: str) -> Iterator[_Member]:
    """The plain files below a folder, without what is hidden or half-written."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inner.parts) or path.suffix in (".part", ".partial")
        if path.is_file() and not path.is_symlink() and not hidden:
            member = f"{name}/{inner.as_posix()}"
            if not is_name(member):
                raise LabError(f"{str(path)!r} has a name that no backup can hold; rename it, then back up.")
            yield _Member(member, path)


def _freeze(checkpoint: str, temporary: Path) -> bool:
    """Keep a checkpoint as it is now, whatever its job does next: its files are replaced, never changed.

    One of another machine comes from the store. Returns whether that was possible; without it the job starts anew where
    it is restored.
    """
    source, frozen = fetched_checkpoint(artifacts(), checkpoint), temporary / checkpoint
    if source is None:
        return False
    for _ in range(_LOOKS):
        before = _listed(source)
        try:
            shutil.copytree(source, frozen, copy_function=os.link)
        except OSError:  # a file went meanwhile, or there are no links here
            same = False
        else:
            same = bool(before) and before == _listed(source)
        if same:
            return True
        shutil.rmtree(frozen, ignore_errors=True)
    return False


def _listed(folder: Path) -> set[tuple[str, int]]:
    """Names and inodes: a file that is replaced has another."""
    try:
        return {(str(path), path.stat().st_ino) for path in folder.rglob("*")}
    except FileNotFoundError:
        return set()


# ---------------------------------------------------------------- the file


def _check_room(file: Path, members: list[_Member]) -> int:
    total = sum(member.path.stat().st_size for member in members)
    free = shutil.disk_usage(file.parent).free
    if total > free:
        raise LabError(
            f"{file} needs {total >> 20} MiB, but only {free >> 20} MiB are free there; choose another disk."
        )
    return total


def _write(part: Path, moment: _Moment, members: list[_Member], total: int, tell: Tell) -> None:
    with part.open("xb") as target:
        packer = Packer(target, total, tell)
        for member in members:
            packer.add(member.name, member.path, member.digest)
        packer.finish({"revision": moment.revision, "version": __version__, "created_at": now().isoformat()})
        target.flush()
        os.fsync(target.fileno())
