"""Tables of a study file that change a method of the catalogue."""

import pytest

from lab.errors import LabError
from lab.methods.method import Method
from lab.methods.spec import catalog, parse_study

STUDY = {"name": "smart-home", "data": "homes", "base": "smollm2-135m"}


def test_a_table_of_a_catalogues_name_says_only_what_differs():
    own_tables = {
        "hybrid": {"training": {"learning_rate": 2e-3, "batch_size": 1}},
        "retrieval": {"retrieve": {"k": [2, 4]}},  # of a family: all of it anew
        "cluster": {"training": {"epochs": 5}},  # all three keep their clusterings
        "cluster-behaviour": {"lora": {"rank": 2}},
        "mixture-hard": {"mixture": {"of": "cluster-kmeans", "top": 2}},
    }
    study = parse_study(STUDY | {"methods": [*own_tables], "method": own_tables}, "s.toml")
    usual, declared = catalog(), study.declared()
    assert declared["hybrid"] == usual["hybrid"].model_copy(
        update={"training": {"learning_rate": 2e-3, "batch_size": 1}}
    )
    clusters = ("cluster-kmeans", "cluster-agglomerative", "cluster-dbscan")
    assert study.methods[1:6] == ("retrieval-k2", "retrieval-k4", *clusters)
    assert all(declared[one].cluster == usual[one].cluster for one in clusters)
    assert {declared[one].training["epochs"] for one in clusters} == {5}
    assert (declared["cluster-behaviour"].lora.rank, declared["mixture-hard"].mixture.top) == (2, 2)
    assert declared["mixture-hard"].training == usual["mixture-hard"].training


def test_what_a_table_does_not_say_stays_within_it_too():
    changes = {
        "soft-prompt-persona": {"training": {"batch_size": 1}},
        "untrained-soft-prompt": {"training": {"batch_size": 1}},
        "unified-all-linear": {"lora": {"rank": 4}},
        "cluster-behaviour": {"cluster": {"k": 5}},
        "merge-ties": {"merge": {"nearest": 3}},
    }
    declared = parse_study(STUDY | {"methods": [*changes], "method": changes}, "s.toml").declared()
    assert declared["soft-prompt-persona"].training == {"learning_rate": 1e-2, "batch_size": 1}
    assert declared["untrained-soft-prompt"].training["epochs"] == 0
    assert (declared["unified-all-linear"].lora.rank, declared["unified-all-linear"].lora.targets) == (
        4,
        ("all-linear",),
    )
    cluster, merge = declared["cluster-behaviour"].cluster, declared["merge-ties"].merge
    assert cluster is not None
    assert merge is not None
    assert (cluster.by, cluster.k) == ("behaviour", 5)
    assert (merge.of, merge.how, merge.nearest) == ("persona", "ties", 3)


def test_a_sweep_is_replaced_as_a_whole():
    changes = {"constrained": {"sweep": {"pull": [0.01]}}}
    sweep = (
        parse_study(STUDY | {"methods": ["constrained"], "method": changes}, "s.toml").declared()["constrained"].sweep
    )
    assert (sweep.pull, sweep.rank) == ((0.01,), ())


def test_a_method_to_change_that_is_not_there_is_told_with_a_near_miss():
    for name, hint in (("hybird", "did you mean 'hybrid'?"), ("qqq", "a method of your own says 'parameters'.")):
        with pytest.raises(LabError) as caught:
            parse_study(STUDY | {"method": {name: {"training": {"epochs": 1}}}}, "s.toml")
        assert str(caught.value) == f"s.toml: there is no method '{name}' to change; {hint}"


def test_one_of_a_family_can_differ_alone():
    one = {"cluster-dbscan": {"training": {"epochs": 5}}}
    declared = parse_study(STUDY | {"methods": ["cluster"], "method": one}, "s.toml").declared()
    assert [declared[f"cluster-{how}"].training for how in ("kmeans", "dbscan")] == [{}, {"epochs": 5}]


def test_a_whole_table_of_a_catalogues_name_stands_in_its_place():
    declared = parse_study(STUDY | {"method": {"hybrid": {"parameters": "lora"}}}, "s.toml").declared()
    assert declared["hybrid"] == Method(parameters="lora")
