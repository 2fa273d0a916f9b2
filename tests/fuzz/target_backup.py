"""Backups and checkpoints that somebody else wrote, or changed: brought back whole, or refused with nothing changed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import torch
from dataset_strategies import tiny
from hostile import PATHS, PICKLES, damaged, json_like, texts
from hypothesis import strategies as st
from planned import all_jobs, claimed, planned, succeed_on_disk
from safetensors.torch import save_file
from target import Target, told
from target_queue import _empty, lab

from lab.data.store import keep
from lab.data.types import digest
from lab.db.studies import save_dataset, save_study
from lab.db.tables import Dataset, Study
from lab.models.checkpoint import Checkpoint, load
from lab.settings import load_settings
from lab.tasks.archive import MANIFEST
from lab.tasks.backup import backup
from lab.tasks.places import OWNER
from lab.tasks.restore import restore

# ---------------------------------------------------------------- backups


@lru_cache(maxsize=1)
def _members(home: Path) -> dict[str, bytes]:
    """A sound backup, by the names in it: two jobs, one of which has succeeded."""
    del home
    root = load_settings().artifacts
    data = tiny(1, 3)
    content = digest(data)
    folder = keep(data, root / "datasets", content[:16])
    row = Dataset(
        digest=content, name="data", source="here", folder=f"datasets/{folder.name}", n_personas=1, n_dialogues=3
    )
    save_dataset(row)
    spec = {"dtype": "auto", "personas": None, "dialogues": None, "split": [0.6, 0.2, 0.2]}
    plan = [planned("a", spec={"data": content}), planned("b", "a", spec={"data": content})]
    save_study(Study(name="study", spec=spec, dataset=content, base="base"), plan, max_tries=2)
    assert succeed_on_disk(claimed())
    file = root.parent / "sound.tar"
    backup(file)
    with tarfile.open(file) as tar:
        found = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    file.unlink()
    assert content in str(found)
    return found


_KINDS = [tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]


@st.composite
def changes(draw: Any) -> dict[str, Any]:
    """What is done to a backup: rows and files changed, members renamed, links put in, digests put right or not."""
    return {
        "rows": draw(st.dictionaries(st.sampled_from(["job", "study", "dataset"]), st.integers(0, 2**32), max_size=2)),
        "how": draw(st.data()),
        "name": draw(st.one_of(st.none(), texts, st.sampled_from([f"files/{path}" for path in PATHS] + PATHS))),
        "kind": draw(st.sampled_from(_KINDS)),
        "to": draw(st.sampled_from(["/etc/passwd", "../../..", "rows/job.jsonl"])),
        "honest": draw(st.booleans()),
        "damage": draw(st.integers(0, 4)) == 0,
    }


def _packed(members: dict[str, bytes], change: dict[str, Any]) -> bytes:
    members = dict(members)
    told_of = orjson.loads(members.pop(MANIFEST))
    draw = change["how"].draw
    for table in change["rows"]:
        name = f"rows/{table}.jsonl"
        lines = [draw(json_like(orjson.loads(line))) for line in members.get(name, b"").splitlines()]
        members[name] = b"\n".join(lines) + b"\n"
    if change["name"] is not None:
        members[change["name"]] = PICKLES[0]
    if change["honest"]:
        told_of["members"] = {name: _told(content) for name, content in members.items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in [*members.items(), (MANIFEST, orjson.dumps(told_of))]:
            info = tarfile.TarInfo(name)
            info.type = change["kind"] if name == change["name"] else tarfile.REGTYPE
            info.linkname, info.size = change["to"], len(content) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
    return draw(damaged(out.getvalue())) if change["damage"] else out.getvalue()


def _told(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def attack_backup(home: Path, change: dict[str, Any]) -> None:
    """A backup is restored into an empty lab, or refused, and the lab is as empty as it was."""
    file, root = home / "backup.tar", load_settings().artifacts
    file.write_bytes(_packed(_members(home), change))
    _clear(root)
    outside = {path.name for path in home.iterdir()}
    if told(lambda: restore(file)) is None:
        assert all_jobs() == []
        assert not [path for path in root.iterdir() if not path.name.startswith(("lab.db", OWNER))]
    assert {path.name for path in home.iterdir()} == outside


def _clear(root: Path) -> None:
    _empty()
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


@contextlib.contextmanager
def backed_up(home: Path) -> Iterator[None]:
    """A lab of which there is a backup."""
    with lab(home):
        _members.cache_clear()
        _members(home)
        yield


# ---------------------------------------------------------------- checkpoints


@lru_cache(maxsize=1)
def _state(home: Path) -> tuple[str, bytes]:
    """A sound checkpoint: the name of its file, and what is in it."""
    file = Checkpoint(home / "sound-checkpoint").save(
        3, "digest", {"step": 3, "groups": ["maya"]}, {"row": torch.ones(3)}
    )
    return file.name, file.read_bytes()


def attack_checkpoint(home: Path, how: Any) -> None:
    """A checkpoint is gone on from, or said to be of no use."""
    name, content = _state(home)
    folder = home / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if how.draw(st.booleans()):
        (folder / name).write_bytes(how.draw(st.one_of(damaged(content), st.sampled_from(PICKLES))))
    else:
        header = how.draw(json_like({"format": 3, "digest": "digest", "state": {"step": 3}, "sha256": "f" * 64}))
        save_file({"row": torch.ones(3)}, folder / name, metadata={"json": header.decode("utf-8", "replace")})
    told(lambda: load(folder / name, "digest"))


TARGETS = [
    Target("backups", changes(), attack_backup, 2, 10, backed_up),
    Target("checkpoints", st.data(), attack_checkpoint, 4, 60),
]
