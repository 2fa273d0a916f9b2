"""`make evidence`: what the lab's statistics find, and what they refuse to find, in simulated studies.

Every study is put through the functions that `lab results` and `lab compare` use. The tables of docs/evidence.md are
written anew from what comes out; the same seeds give the same tables.

Spreads are those of the published study: standard deviations over personas of the scores of one method, 0.069
(hybrid), 0.077 (one LoRA each), 0.087 (sparse merge), 0.201 (weighted merge). It gives none of paired differences,
which depend on how much of a persona's score is its own whatever the method: a share of 0 is the worst case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.metrics.intervals import bootstrap_intervals
from lab.metrics.paired import Against, Runs, against
from lab.metrics.selection import ceiling
from lab.report.router import route_on_val

PAGE = Path(__file__).with_name("evidence.md")
HYBRID, PERSONA, SPARSE, WEIGHTED = 0.0689, 0.0773, 0.0874, 0.2011  # published spreads
MEAN = 0.8214  # unified's, as published
METHODS = 14  # beside unified
REPEATS = 500
PERSONAS = (3, 5, 8, 12, 20, 30, 50, 200)  # of whom intervals are tried


@dataclass(frozen=True)
class World:
    """Studies whose truth is known: persona scores of unified and METHODS others."""

    personas: int = 200
    spread: float = HYBRID  # standard deviation of one method's scores over personas
    shared: float = 0.5  # share of that variance that is the persona's own, under every method
    gain: float = 0.0  # of the first method; the others gain nothing
    skewed: bool = False  # noise with a long tail downwards, as of a model that fails some personas

    def studies(self, repeats: int, seed: int = 0) -> Iterator[np.ndarray]:
        """Scores [1 + METHODS, personas] of each study, unified first."""
        rng = np.random.default_rng([seed, self.personas, int(self.shared * 100), int(self.spread * 1e4)])
        for _ in range(repeats):
            yield self.scores(rng)

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """One draw of all scores."""
        persona = rng.normal(size=self.personas) * self.spread * self.shared**0.5
        noise = self.noise(rng, (1 + METHODS, self.personas)) * self.spread * (1 - self.shared) ** 0.5
        gains = np.zeros((1 + METHODS, 1))
        gains[1] = self.gain
        return np.asarray(MEAN + persona + noise + gains)

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Of mean 0 and variance 1."""
        return 1 - rng.exponential(size=shape) if self.skewed else rng.normal(size=shape)


def table(scores: np.ndarray) -> dict[str, Runs]:
    """Scores [methods, n] as the lab keeps them."""
    names = ["unified", *(f"method {number}" for number in range(1, len(scores)))]
    return {
        name: {0: {f"p{i:04d}": float(x) for i, x in enumerate(row)}} for name, row in zip(names, scores, strict=True)
    }


def compared(world: World, repeats: int = REPEATS) -> list[tuple[Against, ...]]:
    """Every method against unified, in each study."""
    return [against(table(scores), "unified") for scores in world.studies(repeats)]


# ---------------------------------------------------------------- what is counted


def family_errors(world: World, repeats: int = REPEATS) -> tuple[float, float, float]:
    """Share of studies without any gain in which some method is said to differ: by t, by Wilcoxon, and uncorrected."""
    studies = compared(world, repeats)
    by_t = np.mean([any(one.p_holm < 0.05 for one in found) for found in studies])
    by_rank = np.mean([any(one.wilcoxon_p_holm < 0.05 for one in found) for found in studies])
    raw = np.mean([any(one.comparison.t_p < 0.05 for one in found) for found in studies])
    return float(by_t), float(by_rank), float(raw)


def power(world: World, repeats: int = REPEATS) -> tuple[float, float]:
    """Share of studies in which the one method that gains is found, after Holm: by t, by Wilcoxon."""
    first = [found[0] for found in compared(world, repeats)]
    by_rank = [one.comparison.difference > 0 and one.wilcoxon_p_holm < 0.05 for one in first]
    return float(np.mean([one.gains for one in first])), float(np.mean(by_rank))


@dataclass(frozen=True)
class Claims:
    """What routing claims on average in studies where no method is better."""

    router: float  # share of studies in which the router gains surely
    gain: float  # its mean gain
    moved: float  # share of studies in which it moves anybody
    oracle: float  # mean gain of the oracle on the same scores
    published: float  # and of the published procedure


def claims(world: World, repeats: int = REPEATS, dialogues: int = 5) -> Claims:
    """The router chooses on val dialogues, the others on the scores that they are judged by."""
    rng = np.random.default_rng(world.personas)
    rows = []
    for _ in range(repeats):
        test, val = table(world.scores(rng)), [table(world.scores(rng)) for _ in range(dialogues)]
        turns = {
            name: {0: {p: {f"d{n}": one[name][0][p] for n, one in enumerate(val)} for p in test[name][0]}}
            for name in test
        }
        found = route_on_val(val[0], turns, test, "unified")
        top = ceiling({name: runs[0] for name, runs in test.items()}, "unified")
        assert found is not None
        assert top is not None
        moved = found.chosen["unified"] < world.personas
        rows.append(
            (found.versus.gains, found.versus.comparison.difference, moved, top.oracle_gain, top.published_gain)
        )
    return Claims(*(float(mean) for mean in np.mean(rows, axis=0)))


def coverage(n: int, *, skewed: bool, repeats: int = 4000) -> float:
    """Share of samples of n differences whose bootstrap interval holds the true mean."""
    rng = np.random.default_rng([n, skewed])
    noise = World(skewed=skewed).noise(rng, (n, repeats))
    intervals = [one for one in bootstrap_intervals(noise) if one is not None]
    return sum(one.low <= 0 <= one.high for one in intervals) / len(intervals)


# ---------------------------------------------------------------- the page


def _rows(head: str, rows: list[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + " --- |" * columns, *rows])


def nothing_there() -> str:
    """False discoveries."""
    worlds = [
        ("200 personas", World()),
        ("200 personas, long tail", World(skewed=True)),
        ("200 personas, spread 0.201", World(spread=WEIGHTED, shared=0.0)),
        ("20 personas", World(personas=20)),
        ("20 personas, long tail", World(personas=20, skewed=True)),
    ]
    rows = []
    for name, world in worlds:
        by_t, by_rank, raw = family_errors(world)
        rows.append(f"| {name} | {by_t:.1%} | {by_rank:.1%} | {raw:.0%} |")
    return _rows("| studies without any gain | t, Holm | Wilcoxon, Holm | t, uncorrected |", rows)


def something_there() -> str:
    """Power."""
    rows = []
    for spread, of in (
        (HYBRID, "hybrid"),
        (PERSONA, "one LoRA each"),
        (SPARSE, "sparse merge"),
        (WEIGHTED, "weighted merge"),
    ):
        found = [power(World(spread=spread, shared=shared, gain=0.03)) for shared in (0.5, 0.0)]
        cells = " | ".join(f"{by_t:.0%} ({by_rank:.0%})" for by_t, by_rank in found)
        rows.append(f"| {spread:.3f} ({of}) | {cells} |")
    return _rows("| published spread | half of it the persona's own | none of it |", rows)


def routed() -> str:
    """Claims of routing."""
    rows = []
    for name, world in (("200 personas", World()), ("20 personas", World(personas=20))):
        found = claims(world)
        cells = f"{found.router:.1%} | {found.gain:+.4f} | {found.oracle:+.3f} | {found.published:+.3f}"
        rows.append(f"| {name} | {found.moved:.1%} | {cells} |")
    columns = ("studies without any gain", "anybody moved", "router claims a gain", "its mean gain", "oracle")
    return _rows(f"| {' | '.join(columns)} | published procedure |", rows)


def covered() -> str:
    """Coverage of intervals."""
    rows = [f"| {n} | {coverage(n, skewed=False):.1%} | {coverage(n, skewed=True):.1%} |" for n in PERSONAS]
    return _rows("| personas | normal differences | long tail |", rows)


PARTS = {"nothing": nothing_there, "something": something_there, "routed": routed, "covered": covered}


def filled(page: str) -> str:
    """The page with the tables between its marks written anew."""
    for mark, make in PARTS.items():
        within = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text = make()
        print(text, end="\n\n", flush=True)
        page = within.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
