"""Studies and methods as a user writes them: what is accepted, and one sentence for what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lab.errors import LabError
from lab.methods.declare import Lora, Training
from lab.methods.method import Method
from lab.methods.plan import plan
from lab.methods.spec import catalog, parse_study, read_study
from lab.methods.written import reduced

STUDY = {"name": "smart-home", "data": "homes", "base": "smollm2-135m"}


def refused(changes: dict[str, Any]) -> str:
    """The sentence a study with these changes is refused with."""
    with pytest.raises(LabError) as caught:
        parse_study(STUDY | changes, "s.toml")
    said = str(caught.value)
    assert said.startswith("s.toml: ")
    assert "\n" not in said
    return said.removeprefix("s.toml: ")


# ---------------------------------------------------------------- what is accepted


def test_a_study_needs_only_data_and_a_base_model():
    study = parse_study(STUDY, "s.toml")
    assert study.methods == ("base", "unified", "persona")
    assert (study.seeds, study.evaluate, study.split) == ((0,), ("val", "test"), (0.6, 0.2, 0.2))


def test_the_defaults_are_the_published_ones():
    lora, training = Lora(), Training()
    assert (lora.rank, lora.alpha, lora.dropout, lora.targets) == (8, 16.0, 0.05, ("q_proj", "v_proj"))
    assert (training.learning_rate, training.epochs, training.batch_size) == (5e-4, 3, 4)
    assert (training.warmup_ratio, training.weight_decay) == (0.1, 0.01)


def test_the_catalogue_is_valid_and_every_method_says_what_it_is_and_where_it_comes_from():
    assert {"base", "unified", "persona", "hybrid"} <= set(catalog())
    for name, method in catalog().items():
        assert method.about, name
        assert method.source, name
        assert parse_study(STUDY | {"methods": [name]}, "s.toml").methods == (name,)


def test_a_method_is_five_lines_of_toml(tmp_path: Path):
    file = tmp_path / "wide.toml"
    file.write_text(
        'data = "homes"\nmethods = ["unified-wide"]\n'
        '[method.unified-wide]\nshare = "everyone"\nparameters = "lora"\nlora = { rank = 16, alpha = 32 }\n'
        "training = { epochs = 5 }\n"
    )
    study = read_study(file, overrides={"personas": 4}, defaults={"base": "smollm2-135m"})
    assert (study.name, study.base, study.personas) == ("wide", "smollm2-135m", 4)
    assert study.declared()["unified-wide"].lora.rank == 16


def test_a_method_of_the_study_hides_the_one_of_the_catalogue():
    method = {"parameters": "lora", "lora": {"rank": 2}}
    study = parse_study(STUDY | {"method": {"unified": method}}, "s.toml")
    assert study.declared()["unified"].lora.rank == 2
    assert catalog()["unified"].lora.rank == 8


def test_options_win_over_the_file_and_the_file_over_defaults(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text('data = "homes"\nbase = "of-the-file"\npersonas = 3\n')
    study = read_study(file, {"personas": 5}, {"base": "default", "dialogues": 9})
    assert (study.base, study.personas, study.dialogues) == ("of-the-file", 5, 9)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metods": ["base"]}, "there is no key 'metods'; did you mean 'methods'?"),
        ({"zzz": 1}, "there is no key 'zzz'; known keys: name, data, base, methods, "),
        ({"methods": ["unifed"]}, "there is no method 'unifed'; did you mean 'unified'?"),
        ({"methods": ["zzz"]}, "there is no method 'zzz'; known methods: base, prompt-description, "),
        ({"methods": []}, "'methods': it needs at least 1"),
        (
            {"name": "a/b"},
            "'name': use 1 to 80 letters, digits and . _ + - with a letter or digit first, but got 'a/b'.",
        ),
        ({"method": {"a b": {"parameters": "lora"}}}, "'method.a b': use 1 to 80 letters, digits and . _ + - with"),
        ({"data": None}, "'data': a text is needed here."),
        ({"personas": 0}, "'personas': it has to be at least 1, but got 0."),
        ({"split": [0.5, 0.5, 0.5]}, "'split': three positive shares that add up to 1 are needed, but got [0.5, "),
        ({"split": [0.4, 0.2, 0.2, 0.2]}, "'split': it takes 3 at most, but got [0.4, "),
        ({"split": [1.2, -0.1, -0.1]}, "'split': three positive shares that add up to 1 are needed"),
        ({"evaluate": ["tst"]}, "'evaluate.0': choose 'train', 'val' or 'test', but got 'tst'."),
        ({"dtype": "float16"}, "'dtype': choose 'auto', 'bfloat16' or 'float32', but got 'float16'."),
        ({"training": {"epochz": 3}}, "there is no key 'training.epochz'; did you mean 'epochs'?"),
        ({"training": {"learning_rate": 0}}, "'training.learning_rate': it has to be more than 0, but got 0."),
        ({"training": {"learning_rate": float("nan")}}, "'training.learning_rate': a finite number is needed here"),
        ({"training": 3}, "'training': a table is needed here, but got 3."),
    ],
)
def test_a_fault_of_a_study_is_one_sentence(changes, says):
    assert refused(changes).startswith(says)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({}, "there is no method 'mine' to change; a method of your own says 'parameters'."),
        ({"parameters": "lor"}, "'method.mine.parameters': choose 'none', 'lora', 'soft-prompt', 'pre"),
        ({"parameters": "lora", "shar": "persona"}, "there is no key 'method.mine.shar'; did you mean 'share'?"),
        ({"parameters": "lora", "lora": {"rnk": 3}}, "there is no key 'method.mine.lora.rnk'; did you mean 'rank'?"),
        ({"parameters": "lora", "training": {"epochz": 1}}, "there is no key 'method.mine.training.epochz'; did you"),
        ({"parameters": "lora", "training": {"epochs": -1}}, "'method.mine.training.epochs': it has to be at least 0"),
        ({"parameters": "lora", "on": "unifid"}, "there is no method 'unifid'; did you mean 'unified'?"),
        ({"parameters": "lora", "on": "mine"}, "methods stand on each other in a circle: mine → mine; break it."),
        ({"parameters": "none", "on": "unified"}, "'method.mine': it stands on another method and adds nothing; "),
    ],
)
def test_a_fault_of_a_method_is_one_sentence(method, says):
    assert refused({"methods": ["mine"], "method": {"mine": method}}).startswith(says)


def test_a_long_circle_is_shown_whole():
    ring = {name: {"parameters": "lora", "on": on} for name, on in (("a", "b"), ("b", "c"), ("c", "a"))}
    assert refused({"methods": ["a"], "method": ring}).startswith("methods stand on each other in a circle: a → b → c")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"there is no such study file; check the path\."),
        (b"data = ", r"this is not a readable TOML file \(Invalid value .*\); mend it\."),
        (b"\xff\xfe", r"this is not a readable TOML file \('utf-8' codec can't decode .*\); mend it\."),
        (b'dta = "homes"', r"there is no key 'dta'; did you mean 'data'\?|the key 'data' is missing; add it\."),
    ],
)
def test_a_fault_of_a_study_file_names_the_file(tmp_path: Path, content, says):
    file = tmp_path / "s.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LabError, match=rf"^{file}: ({says})$"):
        read_study(file, {}, {"base": "smollm2-135m"})


def test_specs_cannot_be_changed_after_they_were_checked():
    with pytest.raises(ValidationError):
        Method(parameters="lora").parameters = "none"


def test_a_sweep_is_lists_of_settings():
    method = Method(parameters="lora", sweep={"learning_rate": [1e-4, 1e-3], "rank": [2, 8]})
    assert (method.sweep.learning_rate, method.sweep.rank, method.sweep.seed) == ((1e-4, 1e-3), (2, 8), ())


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({"parameters": "prefix", "lora": {"rank": 4}}, "'lora' and 'sweep.rank' are for parameters = 'lora', not 'pr"),
        ({"parameters": "soft-prompt", "sweep": {"rank": [4]}}, "'lora' and 'sweep.rank' are for parameters = 'lora'"),
        (
            {"parameters": "lora", "tokens": 4},
            "'tokens' is for parameters = 'soft-prompt', 'prefix' or 'user-embedding'",
        ),
        ({"parameters": "none", "sweep": {"seed": [1]}}, "a method that learns nothing has nothing to sweep"),
        ({"parameters": "prefix", "tokens": 0}, "'method.mine.tokens': it has to be at least 1"),
        ({"parameters": "lora", "sweep": {"rang": [4]}}, "there is no key 'method.mine.sweep.rang'; did you mean 'ra"),
    ],
)
def test_settings_belong_to_what_is_learned(method, says):
    assert says in refused({"methods": ["mine"], "method": {"mine": method}})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"training": {"max_grad_norm": float("inf")}}, "'training.max_grad_norm': a finite number is needed here"),
        ({"split": [float("nan")] * 3}, "'split.0': a finite number is needed here"),
        ({"seeds": [10**26]}, "'seeds.0': it "),
        ({"training": {"epochs": 10**20}}, "'training.epochs': it may be at most"),
    ],
)
def test_a_number_that_no_machine_can_use_is_refused(changes, says):
    assert refused(changes).startswith(says)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        (
            {"parameters": "lora", "on": "persona"},
            "'mine' is shared by everyone, but 'persona', which it stands on, dif",
        ),
        ({"parameters": "lora", "share": "cluster", "on": "hybrid"}, "'mine' is shared by cluster, but 'hybrid'"),
        ({"parameters": "lora", "sweep": {"rank": [2, 2]}}, "'method.mine.sweep.rank': every setting is tried once"),
        ({"parameters": "lora", "lora": {"targets": []}}, "'method.mine.lora.targets': it needs at least 1"),
        ({"parameters": "none", "merge": {"of": "persona", "rank": 4}}, "'method.mine.merge': 'rank' is for svd, ties"),
        ({"parameters": "lora", "merge": {"of": "persona"}}, "'method.mine': 'merge' makes a whole method of others"),
        ({"parameters": "none", "merge": {"of": "base"}}, "'mine' has nothing to merge: 'base' ends in no LoRA"),
        ({"parameters": "none", "merge": {"of": "prefix-persona"}}, "'mine' has nothing to merge: 'prefix-persona' en"),
        (
            {"parameters": "none", "mixture": {"of": "retrieval-k0"}},
            "'mine' has one adapter only to weigh: 'retrieval-k0' serves everyone alike",
        ),
        ({"parameters": "none", "mixture": {"of": "mixture-soft"}}, "'mine' has nothing to weigh: 'mixture-soft' end"),
        (
            {"parameters": "lora", "share": "persona", "on": "user-embedding"},
            "'mine' cannot be trained on top of 'user-embedding': only LoRAs can lie beneath",
        ),
        (
            {"parameters": "lora", "share": "persona", "on": "mixture-soft"},
            "'mine' cannot be trained on top of 'mixture",
        ),
        ({"parameters": "none", "swap": True}, "'method.mine': 'swap' serves what it stands on to others: say 'on'"),
        (
            {"parameters": "none", "route": {"among": ["base"]}},
            "'method.mine.route.among': it needs at least 2",
        ),
        (
            {"parameters": "none", "route": {"among": ["base", "base"]}},
            "'method.mine.route.among': every method is nam",
        ),
        ({"parameters": "none", "route": {"among": ["base", "x"]}}, "there is no method 'x'"),
        (
            {"parameters": "none", "merge": {"of": "persona"}, "mixture": {"of": "persona"}},
            "'method.mine': a method is",
        ),
        (
            {"parameters": "none", "mixture": {"of": "persona"}, "prompt": "description"},
            "'method.mine': 'mixture' adds",
        ),
        (
            {"parameters": "lora", "constrain": {"pull": -0.1}},
            "'method.mine.constrain.pull': it has to be ",
        ),
        ({"parameters": "lora", "sweep": {"pull": [0.1]}}, "'method.mine': 'sweep.pull' is for a method with 'constra"),
        ({"parameters": "prefix", "constrain": {}}, "'method.mine': 'constrain' is for parameters = 'lora', not 'pref"),
        ({"parameters": "none", "multitask": {}}, "'method.mine': 'multitask' is for parameters = 'lora', not 'none'"),
        ({"parameters": "lora", "meta": {}}, "'method.mine': 'meta' is for the LoRAs of personas or clusters"),
        ({"parameters": "none", "augment": {"how": "context"}}, "'method.mine': 'augment' makes more to learn from"),
        (
            {"parameters": "lora", "augment": {"how": "magic"}},
            "'method.mine.augment.how': choose 'paraphrase'",
        ),
        ({"parameters": "none", "endpoint": {"url": "ftp://x"}}, "'method.mine.endpoint.url': "),
        ({"parameters": "lora", "cluster": {}}, "'method.mine': 'cluster' is for share = 'cluster' or a merge of"),
        ({"parameters": "none", "share": "persona"}, "'method.mine': 'share' says who shares what is learned, but"),
        ({"parameters": "none", "merge": {"of": "nobody"}}, "there is no method 'nobody'; "),
    ],
)
def test_a_declaration_that_makes_no_sense_is_one_sentence(method, says):
    assert refused({"methods": ["mine"], "method": {"mine": method}}).startswith(says)


def test_a_list_where_one_value_is_expected_is_several_methods():
    mine = {"parameters": "none", "on": "unified", "retrieve": {"k": [1, 3], "by": ["recency", "similarity"]}}
    study = parse_study(STUDY | {"methods": ["base", "mine"], "method": {"mine": mine}}, "s.toml")
    names = ("mine-k1-recency", "mine-k1-similarity", "mine-k3-recency", "mine-k3-similarity")
    assert study.methods == ("base", *names)
    assert [study.declared()[name].retrieve.k for name in names] == [1, 1, 3, 3]
    on_top = {"on": "mine", "parameters": "none", "prompt": "description"}
    assert "'mine' is several methods; name one of mine-k1-recency, " in refused(
        {"methods": ["top"], "method": {"mine": mine, "top": on_top}}
    )


# ---------------------------------------------------------------- what would pass by silently


def own(table: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """A study of one method of its own, and of what that stands on."""
    return {"methods": ["base", "mine"], "method": {"mine": table, **more}}


LORA, NOTHING = {"parameters": "lora"}, {"parameters": "none"}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (LORA | {"lora": {"rank": []}}, "method 'mine': 'lora.rank' is an empty list, which is no method at all;"),
        (
            LORA | {"lora": [{"rank": 2}, {"rank": 4}]},
            "method 'mine': 'lora' lists tables or lists; list the values of",
        ),
        (LORA | {"lora": {"rank": [2, 2]}}, "method 'mine': two of its settings would both be named 'mine-rank2';"),
        (LORA | {"lora": {"rank": True}}, "'method.mine.lora.rank': true and false are no values here, but got True."),
        (LORA | {"lora": {"targets": ["q\x1b[31m"]}}, "'method.mine.lora.targets.0': this is no text"),
        (
            LORA | {"lora": {"targets": "q_proj"}},
            "'method.mine.lora.targets': a list is needed here, but got 'q_proj'.",
        ),
        (LORA | {"about": ["one", "two"]}, "'method.mine.about': a text is needed here"),
        (LORA | {"sweep": {"rank": []}}, "'method.mine': 'sweep' names no setting to try;"),
        (LORA | {"sweep": {"rank": [*range(1, 102)], "seed": [*range(10)]}}, "'method.mine.sweep': that is 1,010 comb"),
        (LORA | {"constrain": {}}, "'method.mine': 'constrain' holds nothing yet; give it 'pull' or 'distil'"),
        (NOTHING | {"training": {"epochs": 2}}, "'method.mine': 'training' says how it trains, but nothing is trained"),
        (NOTHING | {"merge": {"of": "persona"}, "training": {"epochs": 2}}, "'method.mine': 'training' says how it tr"),
        (NOTHING | {"merge": {"of": "persona", "density": 0.3}}, "'method.mine.merge': 'density' is for ties and dare"),
        (NOTHING | {"merge": {"of": "persona", "choose": "random"}}, "'method.mine.merge': choose = 'random' draws"),
        (NOTHING | {"merge": {"of": "unified"}}, "'mine' has one adapter only to merge: 'unified' serves everyone al"),
        (NOTHING | {"on": "unified", "swap": True}, "'mine' swaps what is the same for all: 'unified' serves everyone"),
        (LORA | {"share": "cluster", "cluster": {"how": "dbscan", "k": 3}}, "'method.mine.cluster': dbscan finds its"),
        (LORA | {"share": "cluster", "cluster": {"k": 10**30}}, "'method.mine.cluster.k': it may be at most"),
        (NOTHING | {"merge": {"of": "persona", "nearest": 10**30}}, "'method.mine.merge.nearest': it may be at most"),
        (
            NOTHING | {"mixture": {"of": "cluster-kmeans", "top": 10**30}},
            "'method.mine.mixture.top': it may be at most",
        ),
        (LORA | {"share": "persona", "meta": {"personas": 10**30}}, "'method.mine.meta.personas': it may be at most"),
    ],
)
def test_what_would_do_nothing_or_something_else_is_told(table, says):
    assert refused(own(table)).startswith(says)


def test_who_is_told_different_things_can_be_swapped():
    swapped = own(NOTHING | {"on": "soft-prompt-text", "swap": True})
    assert parse_study(STUDY | swapped, "s.toml").methods == ("base", "mine")


def test_two_methods_of_one_name_are_refused_whichever_comes_first():
    several = NOTHING | {"on": "unified", "retrieve": {"k": [1, 3]}}
    for methods in ({"x": several, "x-k1": LORA}, {"x-k1": LORA, "x": several}):
        assert "are both named 'x-k1'; rename one." in refused({"methods": ["x"], "method": methods})


def test_a_method_that_is_named_twice_is_there_once():
    study = parse_study(STUDY | {"methods": ["retrieval", "unified", "retrieval-k1", "unified"]}, "s.toml")
    assert study.methods == (*(f"retrieval-k{k}" for k in (0, 1, 3, 5, 10)), "unified")


@pytest.mark.parametrize(("key", "value"), [("seeds", [0, 0]), ("evaluate", ["test", "test"])])
def test_what_would_be_counted_twice_is_refused(key, value):
    assert refused({key: value}).startswith(f"'{key}': each is used once; leave the repeated one out")


def test_a_share_that_is_missing_is_told_of_the_split():
    assert refused({"split": [0.6, 0.4]}).startswith("'split': 2 are too few")


def test_a_long_value_is_cut_in_the_sentence():
    assert len(refused({"data": "a" * 5000})) < 200


def test_models_of_any_name_and_place_make_methods():
    endpoint = {"url": ["http://gpu7:8000/v1", "http://gpu8/v1"], "model": ["Qwen/Qwen3-8B"]}
    study = parse_study(STUDY | own(NOTHING | {"endpoint": endpoint}), "s.toml")
    assert study.methods[1:] == ("mine-gpu7-8000-v1-Qwen-Qwen3-8B", "mine-gpu8-v1-Qwen-Qwen3-8B")


@pytest.mark.timeout(20)
def test_methods_that_stand_on_each_other_in_many_ways_are_looked_at_once():
    def route(floor: int) -> dict[str, Any]:
        return NOTHING | {"route": {"how": "random", "among": [f"a{floor + 1}", f"b{floor + 1}"]}}

    floors = {f"{side}{floor}": route(floor) for side in "ab" for floor in range(40)}
    study = parse_study(STUDY | {"methods": ["a0"], "method": floors | {"a40": LORA, "b40": NOTHING}}, "s.toml")
    assert len(plan(study, "d" * 64)) < 400
    assert len(reduced(study, "a0")["methods"]) == 81


@pytest.mark.parametrize("names", [["a0"], [f"a{floor}" for floor in range(2000, -1, -1)]])
def test_a_tower_of_methods_is_refused_from_wherever_it_is_looked_at(names):
    tower = {f"a{floor}": LORA | {"on": f"a{floor + 1}"} for floor in range(2000)} | {"a2000": LORA}
    assert "stands on 50 methods or more, one on another; use fewer." in refused({"methods": names, "method": tower})
