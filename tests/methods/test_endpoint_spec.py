"""What may stand on a method that asks a model elsewhere: text, but nothing that is learned."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.methods.plan import plan
from lab.methods.spec import parse_study

FAR = {"parameters": "none", "endpoint": {"url": "http://there/v1"}, "prompt": "description"}
UNDER = {
    "far": FAR,
    "recalling": {"parameters": "none", "on": "far", "retrieve": {"k": 2}},
    "best": {"parameters": "none", "route": {"among": ["unified", "far"]}},
}
NEEDS_WEIGHTS = {
    "a LoRA each": lambda under: {"share": "persona", "parameters": "lora", "on": under},
    "a soft prompt": lambda under: {"share": "persona", "parameters": "soft-prompt", "on": under},
    "a merge": lambda under: {"parameters": "none", "merge": {"of": under}},
    "a mixture": lambda under: {"parameters": "none", "mixture": {"of": under}},
}
ADDS_TEXT = {
    "retrieval": {"retrieve": {"k": 1}},
    "a prompt": {"prompt": "preferences"},
    "another's place": {"swap": True},
}


def study(**methods):
    content = {"name": "s", "data": "d", "base": "b", "methods": [*methods], "evaluate": ["test"]}
    return parse_study(content | {"method": UNDER | methods}, "s.toml")


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("made", NEEDS_WEIGHTS.values(), ids=NEEDS_WEIGHTS)
def test_what_needs_its_weights_is_refused_in_one_sentence(made, under):
    with pytest.raises(LabError) as refused:
        study(own=made(under))
    assert str(refused.value).startswith("s.toml: 'own' learns from weights, but those of 'far', which it stands on,")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("added", ADDS_TEXT.values(), ids=ADDS_TEXT)
def test_what_adds_text_only_is_planned(added, under):
    jobs = plan(study(own={"parameters": "none", "on": under} | added), "d" * 64)
    assert ("evaluate", "own") in [(job.kind, job.method) for job in jobs]


def test_the_variable_of_the_key_is_planned_and_nothing_is_read_from_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-tiny-5f1c0ffee")
    (recipes, _) = plan(study(far=FAR), "d" * 64)
    assert recipes.spec["endpoint"]["key"] == "OPENAI_API_KEY"
    assert "sk-tiny-5f1c0ffee" not in str(recipes)


@pytest.mark.parametrize(
    "url",
    ["", "http://", "localhost:8000/v1", "http://a b/v1", "http://[::1/v1", "http://h:99999/v1", "http://\x1b[31mh/v1"],
)
def test_an_address_that_leads_nowhere_is_refused_before_anything_runs(url):
    with pytest.raises(LabError, match=r"'method\.far\.endpoint\.url': this is no address of a server; write it like"):
        study(far={"parameters": "none", "endpoint": {"url": url}})


def test_a_key_in_the_place_of_its_variable_is_refused_and_not_repeated():
    with pytest.raises(
        LabError, match=r"'method\.far\.endpoint\.key': give the name of the environment var"
    ) as refused:
        study(far={"parameters": "none", "endpoint": {"key": "sk-tiny-5f1c0ffee"}})
    assert "5f1c0ffee" not in str(refused.value)
