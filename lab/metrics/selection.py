"""What choosing the best of several scores pretends: the oracle's ceiling, and the published procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from lab.errors import LabError


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Two numbers that are no results, because they choose and judge on the same scores.

    - `oracle`: mean over personas of each one's best method, and `oracle_gain` over the default; no honest choice can
      be better, and on noise alone it is above 0;
    - `published_gain`: what the published procedure would have claimed: each persona's best candidate or, where none
      is above it, the default's global mean; against that mean;
    - `moved`: share of personas whose oracle is not the default;
    - `single` and `single_gain`: the other method with the highest mean, for everybody alike, chosen the same way.
    """

    default: str
    among: tuple[str, ...]
    n: int
    oracle: float
    oracle_gain: float
    published_gain: float
    moved: float
    single: str
    single_gain: float


def ceiling(
    scores: Mapping[str, Mapping[str, float]], default: str, *, higher_is_better: bool = True
) -> Ceiling | None:
    """The oracle over these methods (method → persona → score), on the personas that all of them have.

    None without another method than the default.

    Raises:
        LabError: no persona has a score under every method.
    """
    others = [name for name in scores if name != default]
    if not others:
        return None
    sign = 1.0 if higher_is_better else -1.0
    personas = sorted(set.intersection(*(set(one) for one in scores.values())))
    if not personas:
        raise LabError("oracle: no persona has a score under every method; evaluate all of them on the same split.")
    own = [sign * scores[default][persona] for persona in personas]
    best = [max(sign * scores[name][persona] for name in others) for persona in personas]
    mean = fmean(own)
    oracle = fmean(map(max, own, best))
    means = {name: fmean(sign * scores[name][persona] for persona in personas) for name in others}
    single = max(means, key=lambda name: means[name])
    return Ceiling(
        default=default,
        among=tuple(scores),
        n=len(personas),
        oracle=sign * oracle,
        oracle_gain=sign * (oracle - mean),
        published_gain=sign * (fmean(max(mean, one) for one in best) - mean),
        moved=fmean(one < other for one, other in zip(own, best, strict=True)),
        single=single,
        single_gain=sign * (means[single] - mean),
    )
