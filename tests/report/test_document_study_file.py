"""The study file of a report is the study."""

from __future__ import annotations

import tomllib

import pytest

from lab.methods.extend import stored
from lab.methods.spec import catalog, parse_study
from lab.report.document.study_file import study_toml

OWN = {
    "mine": {
        "about": 'It says "a, b" and [c]\nin two lines',
        "parameters": "lora",
        "share": "persona",
        "on": "unified",
        "sweep": {"learning_rate": [1e-5, 5e-3], "rank": [2, 4]},
        "retrieve": {"k": 3},
        "training": {"epochs": 2},
    }
}


@pytest.mark.parametrize(
    "more",
    [{}, {"methods": list(catalog()), "seeds": [0, 1, 2], "personas": 4, "training": {"patience": 2}}, {"method": OWN}],
    ids=["plain", "all methods", "a method of its own"],
)
def test_it_reads_as_the_same_study(more):
    content = {"name": "s", "data": "people", "base": "smollm2-135m", **more}
    if "method" in more:
        content["methods"] = ["unified", "mine"]
    kept = stored(parse_study(content, "test").model_dump(mode="json"))
    text = study_toml(kept)
    assert parse_study(tomllib.loads(text), "study.toml") == kept
    assert max(map(len, text.splitlines())) <= 120
