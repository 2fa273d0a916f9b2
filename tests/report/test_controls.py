"""What a method gains has to be gone where what is personal is taken away."""

from __future__ import annotations

import numpy as np
import pytest

from lab.methods.method import Method
from lab.methods.spec import catalog, parse_study
from lab.metrics.paired import Runs, against
from lab.report.controls import control_of, is_control, is_personal, weigh
from lab.report.evidence import ControlEvidence

CATALOG = catalog()
OWN = {
    "swapped-retrieval": {"parameters": "none", "on": "retrieval-k3", "swap": True},
    "swapped-hybrid": {"parameters": "none", "on": "hybrid", "swap": True},
}


def declared() -> dict[str, Method]:
    content = {"name": "s", "data": "d", "base": "b", "methods": list(OWN), "method": OWN}
    return parse_study(content, "s.toml").declared()


def runs(gains: dict[str, float], noise: float = 0.02, n: int = 60) -> dict[str, Runs]:
    rng = np.random.default_rng(2)
    level = rng.normal(0.7, 0.05, n)
    return {
        name: {0: {f"p{i}": float(x) for i, x in enumerate(level + gain + noise * rng.normal(size=n))}}
        for name, gain in {"unified": 0.0, **gains}.items()
    }


def weighed(gains: dict[str, float]) -> dict[str, ControlEvidence]:
    table = runs(gains)
    versus = {one.method: one for one in against(table, "unified")}
    return {one.method: one for one in weigh(table, declared(), versus, "unified")}


def test_the_controls_of_the_catalogue_are_known_by_what_they_declare() -> None:
    assert {name for name, method in CATALOG.items() if is_control(method)} == {
        name for name, method in CATALOG.items() if method.source == "control"
    }


@pytest.mark.parametrize(
    ("name", "personal"),
    [("base", False), ("unified", False), ("multitask", False), ("persona", True), ("cluster-kmeans", True),
     ("retrieval-k3", True), ("merge-sparse", True), ("user-embedding", True), ("route-val", True),
     ("prompt-description", True), ("anchor+delta", True), ("mixture-soft", True)],
)  # fmt: skip
def test_a_swap_of_persons_can_tell_something_only_of_what_is_personal(name: str, personal: bool) -> None:
    assert is_personal(name, CATALOG) == personal


@pytest.mark.parametrize(
    ("name", "control"),
    [("persona", "swapped-persona"), ("merge-sparse", "random-merge"), ("merge-ties", "random-merge"),
     ("route-val", "random-route"), ("soft-prompt-persona", "untrained-soft-prompt"),
     ("retrieval-k3", "swapped-retrieval"), ("retrieval-k1", ""), ("hybrid", "swapped-hybrid"),
     ("prefix-persona", ""), ("soft-prompt-base", "")],
)  # fmt: skip
def test_each_method_has_the_control_that_takes_away_what_is_its_own(name: str, control: str) -> None:
    among = [*CATALOG, *OWN]
    assert control_of(name, among, declared()) == control
    assert control_of(name, [name, "unified"], declared()) == "", "only a control that ran is one"


def test_a_gain_that_vanishes_with_another_persons_weights_was_personal() -> None:
    found = weighed({"persona": 0.05, "swapped-persona": 0.0})["persona"]
    assert (found.claims, found.verdict, found.control) == (True, "removed", "swapped-persona")
    assert found.personal is not None
    assert found.personal.comparison.difference == pytest.approx(0.05, abs=0.02)
    assert found.left is not None
    assert not found.left.gains


def test_a_gain_that_stays_with_another_persons_weights_was_not() -> None:
    found = weighed({"persona": 0.05, "swapped-persona": 0.05})["persona"]
    assert (found.claims, found.verdict) == (True, "kept")


def test_a_gain_of_which_a_part_stays_is_partly_personal() -> None:
    assert weighed({"persona": 0.08, "swapped-persona": 0.03})["persona"].verdict == "partly"


def test_without_a_gain_there_is_nothing_to_remove_and_without_a_control_nothing_is_known() -> None:
    found = weighed({"persona": -0.05, "swapped-persona": -0.1, "retrieval-k1": 0.05, "unified-all-linear": 0.05})
    assert found["persona"].verdict == "no gain"
    assert (found["retrieval-k1"].verdict, found["retrieval-k1"].personal) == ("untested", None)
    assert set(found) == {"persona", "retrieval-k1"}, "what is the same for everybody has nothing to swap"
