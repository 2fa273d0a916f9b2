"""What a new study can be made of: the data sets and base models at hand, and the methods of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.data.formats.chat import DIALOGUES, PERSONAS
from lab.data.store import NAME
from lab.db import queries
from lab.db.studies import known_sources
from lab.methods.method import Method
from lab.methods.spec import catalog, declarations
from lab.methods.variants import spread_lists
from lab.settings import load_settings
from lab.tui.draft import Family

_OFFLINE = "smollm2-135m"


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that a study may take."""

    name: str
    personas: int
    dialogues: int


@dataclass(frozen=True, slots=True)
class Options:
    """What there is to choose from."""

    sources: tuple[Source, ...]
    bases: tuple[tuple[str, str], ...]  # and why it is here
    studies: tuple[str, ...]
    taken: tuple[str, ...]  # names of studies and of study files
    families: tuple[Family, ...]


def options() -> Options:
    """The data sets and base models at hand, the studies and the methods."""
    studies = queries.list_studies()
    usual = load_settings().base
    bases = {usual: "of the settings", _OFFLINE: "offline, 135 M parameters"}
    for study in studies:
        bases.setdefault(study.base, f"of study {study.name}")
    names = tuple(study.name for study in studies)
    files = tuple(file.stem for file in (load_settings().artifacts / "studies").glob("*.toml"))
    return Options(tuple(_sources()), tuple(bases.items()), names, (*names, *files), families())


def _sources() -> Iterator[Source]:
    """What was imported, then what studies were run on."""
    root = load_settings().artifacts / "data"
    folders = sorted(root.iterdir()) if root.is_dir() else []
    kept = [folder for folder in folders if NAME.fullmatch(folder.name) and (folder / DIALOGUES).is_file()]
    for folder in kept:
        yield Source(folder.name, _rows(folder / PERSONAS), _rows(folder / DIALOGUES))
    names = {folder.name for folder in kept}
    for one in known_sources():
        if one.source not in names:
            yield Source(one.source, one.n_personas, one.n_dialogues)


def _rows(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(piece.count(b"\n") for piece in iter(lambda: lines.read(1 << 20), b""))


def generate(personas: int, dialogues: int) -> str:
    """Make a data set and keep it; returns its name."""
    from lab.data.generate import generate as make
    from lab.data.store import keep

    name = f"generated-{personas}x{dialogues}"
    keep(make(personas, dialogues, 3.2, 0), load_settings().artifacts / "data", name)
    return name


def families() -> tuple[Family, ...]:
    """The methods of the catalogue, those of a group together."""
    found = []
    for name, table in declarations().items():
        variants = tuple(spread_lists(name, table))
        method = catalog()[variants[0]]
        found.append(Family(name, method.about, method.source, _group(method), method.learns, variants))
    return tuple(sorted(found, key=lambda family: _GROUPS.index(family.group)))


_GROUPS = (
    "base model and text",
    "shared by everybody",
    "each persona's own",
    "shared by a cluster",
    "merged",
    "experts and routes",
    "controls",
)


def _group(method: Method) -> str:
    if method.source == "control":
        return _GROUPS[6]
    if method.merge:
        return _GROUPS[4]
    if method.mixture or method.route:
        return _GROUPS[5]
    if not method.learns:
        return _GROUPS[0]
    return {"everyone": _GROUPS[1], "persona": _GROUPS[2], "cluster": _GROUPS[3]}[method.share]
