"""A store to look at and to hurt, and artifacts as jobs leave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.store.artifacts import Artifacts
from lab.tasks.manifest import write_manifest

BOOK = {
    "recipes.json": "{}",
    **{f"adapters/{n:04d}/{part}": f"{part} of {n}" for n in range(3) for part in ("config", "weights")},
    "adapters/0000/user-0001/weights": "a soft prompt",
}


@dataclass(frozen=True)
class Store:
    """Its URL, and where its files lie for a test to look at and to hurt."""

    url: str
    folder: Path

    def put(self, name: str, content: bytes) -> None:
        """Have a file there, as somebody might who can write to it."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)

    def files(self) -> list[str]:
        """What lies there."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())


def compute(artifacts: Artifacts, artifact: str, files: dict[str, str] | None = None) -> str:
    """Have an artifact as a job leaves it; gives its manifest's digest."""
    folder = artifacts.root / artifact
    for name, text in (files or BOOK).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return write_manifest(folder, {"job": artifact})
