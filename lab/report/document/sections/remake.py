"""Where every number comes from, and how to make it again."""

from __future__ import annotations

from importlib import metadata

from lab.report.document.blocks import Block, Bullets, Code, Paragraph, Section, Table, columns
from lab.report.document.gather import Gathered
from lab.report.document.study_file import study_toml
from lab.report.document.words import NOTHING
from lab.report.evidence import Evidence

_PACKAGES = (
    "persona-lab", "torch", "transformers", "peft", "sentence-transformers", "scikit-learn", "numpy", "scipy",
    "safetensors", "matplotlib",
)  # fmt: skip


def trace(evidence: Evidence, gathered: Gathered) -> Section:
    """Each method's jobs, attempts and digests."""
    text = (
        "scores.csv has each persona's score on each metric with the job that computed it; predictions.csv has each "
        "evaluation's file of predictions, one line a turn, with its sha256 as it is now. The mean similarity of these "
        "lines "
        "was computed again for every persona and compared with the score. data.json has every number of this report."
    )
    faults = [fault for one in gathered.traced for fault in one.faults]
    rows = tuple(
        (
            one.method,
            str(one.seed),
            str(one.job),
            str(one.attempt),
            one.manifest,
            _book(one.method, one.seed, gathered),
            f"{one.rows:,}",
            "fails" if one.faults else "holds",
        )
        for one in gathered.traced
    )
    titles = ("method", "seed", "evaluation job", "attempt", "its manifest, sha256", "made by job/attempt, manifest")
    blocks: list[Block] = [Paragraph(text)]
    if faults:
        blocks.append(Bullets(tuple(faults)))
    if rows:
        blocks.append(Table((*columns(*titles, words=6), *columns("rows", words=0), *columns("check")), rows))
    del evidence
    return Section("trace", "Where the numbers come from", tuple(blocks))


def _book(method: str, seed: int, gathered: Gathered) -> str:
    """The jobs that made the recipes of a method."""
    made = [
        one
        for one in gathered.origins
        if one.method == method and one.makes_book and one.artifact and one.spec.get("seed", seed) == seed
    ]
    return "; ".join(f"{one.artifact} {one.manifest[:12]}" for one in made) or NOTHING


def remake(evidence: Evidence, gathered: Gathered) -> Section:
    """Command, study file, data, versions, machines, seeds, dates."""
    study = gathered.study
    times = [one.finished_at for one in gathered.origins if one.finished_at]
    rows = [
        ("study", f"{study.name}, digest {evidence.study_digest}"),
        ("data", f"{study.dataset_name}, sha256 {study.dataset}"),
        ("seeds", ", ".join(map(str, evidence.seeds)) or NOTHING),
        ("planned", f"{study.created_at:%Y-%m-%d %H:%M} UTC"),
        ("last job finished", f"{max(times):%Y-%m-%d %H:%M} UTC" if times else NOTHING),
        ("base model as loaded", "; ".join(gathered.loaded) or NOTHING),
    ]
    rows += [
        (f"machine {host}", ", ".join(filter(None, (*devices, *gpus, f"lab {version}"))))
        for host, version, devices, gpus in gathered.machines
    ]
    rows += [(f"version of {name}", version) for name, version in versions() if version]
    text = (
        "Put the lines below into study.toml (it lies beside this report) and the data where it says, check that the "
        "digest "
        "is the one above, and run:"
    )
    note = (
        "Machines are those that this lab has known; versions are those of the machine that wrote the report. On the "
        "same "
        "machine with the same versions the digits are the same; elsewhere rounding in matrix products may move the "
        "last ones."
    )
    commands = f"lab run study.toml --watch\nlab report {study.name} --split {evidence.split}"
    return Section(
        "remake",
        "How to make it again",
        (
            Paragraph(text),
            Code(commands, "sh"),
            Code(study_toml(gathered.declared), "toml"),
            Table(columns("what", "value", words=2), tuple(rows), note),
        ),
    )


def versions() -> list[tuple[str, str]]:
    """(package, version installed here), "" for one that is not."""
    return [(name, _version(name)) for name in _PACKAGES]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
