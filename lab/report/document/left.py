"""What the jobs of a study left behind: clusters, routes, curves, bytes on disk, and what they logged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import orjson

from lab.db.lineage import Origin
from lab.db.queries import curve, curves, job_log
from lab.errors import LabError
from lab.report.parts import ClusterMap, Gain, LossCurve, Route
from lab.store.artifacts import artifacts
from lab.store.manifest import MANIFEST_FILE, parsed

Left = TypeVar("Left")
_POINTS = 300  # of a curve that is drawn


def readable(
    jobs: Sequence[Origin], kind: str, read: Callable[[Sequence[Origin], Path], Left], missing: list[str]
) -> Iterator[Left]:
    """`read` of each finished job of a kind and the folder it left, once; what cannot be read is added to `missing`."""
    for job in dict.fromkeys(one.job for one in jobs if one.kind == kind and one.artifact):
        served = [one for one in jobs if one.job == job]
        try:
            folder = artifacts().fetched(served[0].artifact, served[0].manifest)
            yield read(served, folder)
        except (LabError, OSError, ValueError, KeyError, TypeError) as error:
            missing.append(f"What job {job} ({kind}) found cannot be read: {LabError.of(error)}")


def read_clusters(jobs: Sequence[Origin], folder: Path) -> ClusterMap:
    """The clustering in `clusters.json`, and the methods that stand on it."""
    content = orjson.loads((folder / "clusters.json").read_bytes())
    places = dict(zip(content["personas"], content["map"], strict=True))
    return ClusterMap(
        jobs[0].job,
        content["by"],
        content["how"],
        content["k"],
        content["silhouette"],
        {int(k): value for k, value in sorted(content["tried"].items(), key=lambda one: int(one[0]))},
        content["labels"],
        {persona: (float(x), float(y)) for persona, (x, y) in places.items()},
        tuple(one.method for one in jobs),
    )


def read_route(jobs: Sequence[Origin], folder: Path) -> Route:
    """The decisions in `route.json`."""
    content = orjson.loads((folder / "route.json").read_bytes())
    return Route(
        jobs[0].job,
        jobs[0].method,
        content["how"],
        tuple(content["among"]),
        {persona: choice["method"] for persona, choice in content["choices"].items()},
        {
            persona: {name: Gain(one["gain"], one["sd"]) for name, one in choice["gains"].items()}
            for persona, choice in content["choices"].items()
        },
        content["note"],
    )


def disk(jobs: Sequence[Origin]) -> dict[int, int]:
    """Job → bytes of its artifact, as its manifest tells or its files here do; unknown where neither does."""
    found = {}
    for one in jobs:
        folder = artifacts().root / one.artifact
        if one.job in found or not one.artifact or not (folder / MANIFEST_FILE).is_file():
            continue
        manifest = parsed((folder / MANIFEST_FILE).read_bytes(), one.artifact)
        sizes = [manifest.sizes.get(name, _size(folder / name)) for name in manifest.files]
        if None not in sizes:
            found[one.job] = sum(filter(None, sizes))
    return found


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


# ---------------------------------------------------------------- curves, machines


def loss_curves(jobs: Sequence[Origin]) -> Iterator[LossCurve]:
    """One for each training that has a curve, under the method it was planned for."""
    first = {one.job: one for one in reversed(jobs) if one.does in ("train", "meta")}
    for job, one in sorted(first.items()):
        train, val = curve(job, "train"), _together(curves(job, "val")) or curve(job, "val")
        if train or val:
            name = f"{one.method}: its start" if one.does == "meta" else one.method
            yield LossCurve(job, name, one.seed, _thinned(train), _thinned(val))


def _together(groups: dict[str, list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """The mean over groups of their first validations, of their second, …, as long as all of them have one.

    Groups of unlike sizes are validated at other steps: at one step, the mean would be of whoever happens to be there.
    """
    return [
        (round(fmean(step for step, _ in each)), fmean(value for _, value in each))
        for each in zip(*groups.values(), strict=False)
    ]


def _thinned(points: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """At most so many points, evenly; the last one is kept."""
    step = -(-len(points) // _POINTS) if points else 1
    return tuple(points[::step]) + (tuple(points[-1:]) if points and (len(points) - 1) % step else ())


def loaded(jobs: Sequence[Origin], base: str) -> list[str]:
    """What executors logged when they loaded the base model, each once."""
    pattern = re.compile(rf"{re.escape(base)} on \S+, \S+")
    lines = (line.text for job in dict.fromkeys(one.job for one in jobs) for line in job_log(job) if base in line.text)
    return sorted({line for line in lines if pattern.fullmatch(line)})
