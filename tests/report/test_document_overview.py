"""What was studied, as a report tells it."""

from __future__ import annotations

import pytest

from lab.methods.spec import catalog, parse_study
from lab.report.document.sections.overview import about

OWN = {
    "swapped-hybrid": {"parameters": "none", "on": "hybrid", "swap": True},
    "mine": {"parameters": "none", "on": "unified", "retrieve": {"k": 2}},
    "told": {"parameters": "none", "on": "unified", "prompt": "description", "about": "Mine."},
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("swapped-hybrid", "A control: every persona is served with what hybrid has for another one."),
        ("mine", "Declared in the study file."),
        ("told", "Mine."),
        ("hybrid", catalog()["hybrid"].about),
    ],
)
def test_every_method_has_a_sentence(name: str, told: str) -> None:
    content = {"name": "s", "data": "d", "base": "b", "methods": list(OWN), "method": OWN}
    assert about(parse_study(content, "s.toml").declared()[name]) == told
