"""Behaviour features: what a persona does and how it speaks, in numbers that tell personas apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.data.generate import generate
from lab.data.types import Actions, Dialogue, Message
from lab.errors import LabError
from lab.methods.behaviour import Features, behaviour_features
from lab.methods.cluster import cluster

FAMILIES = ("devices", "values", "commands", "style")


def dialogue(user: str = "So.", answer: str = "Yes.", actions: Actions | None = None, **other: object) -> Dialogue:
    """One turn of a user and an assistant."""
    messages = (Message("user", user), Message("assistant", answer, actions))
    fields = {"dialogue_id": "d", "persona_id": "p", "started_at": datetime(2024, 5, 1, 9, tzinfo=UTC), "context": {}}
    return Dialogue(**fields | {"messages": messages} | other)


def acting(*actions: Actions) -> list[Dialogue]:
    return [dialogue(actions=one) for one in actions]


def saying(*texts: str) -> list[Dialogue]:
    return [dialogue(user=text) for text in texts]


def of(features: Features, name: str) -> dict[str, float]:
    """One column, by persona."""
    return dict(zip(features.personas, features.values[:, features.names.index(name)].tolist(), strict=True))


def family(features: Features, name: str) -> np.ndarray:
    return features.values[:, [column.startswith(f"{name}: ") for column in features.names]]


def order(features: Features, name: str) -> str:
    """Personas by one column, the least first."""
    column = of(features, name)
    return "".join(sorted(column, key=column.__getitem__))


# -- devices and values ---------------------------------------------------------------------------------------------


def test_devices_are_shares_of_their_uses():
    features = behaviour_features(
        {
            "a": acting({"tv": {"volume": 5}}, {"tv": {"volume": 5}, "ac": {"mode": "cool"}}, {"ac": {"mode": "cool"}}),
            "b": acting({"tv": {"volume": 5}}, {"ac": {"mode": "cool"}}),
            "c": acting({"ac": {"mode": "cool"}}, {"tv": {"volume": 5}}, {"ac": {"mode": "cool"}}),
        }
    )
    assert {name for name in features.names if name.startswith("devices")} == {
        "devices: device = ac",
        "devices: device = tv",
    }
    ac = of(features, "devices: device = ac")
    assert ac["a"] == ac["b"] < ac["c"]  # 2/4, 1/2, 2/3


def test_numbers_have_a_mean_and_a_spread_and_what_is_never_set_is_the_mean_of_the_others():
    features = behaviour_features(
        {
            "a": acting({"ac": {"temperature": 18}}, {"ac": {"temperature": 22}}),
            "b": acting({"ac": {"temperature": 24}}, {"ac": {"temperature": 24}}),
            "c": acting({"ac": {"temperature": 30}}),
            "d": acting({"ac": {"mode": "cool"}}),
        }
    )
    mean = of(features, "values: ac.temperature mean")
    assert mean["a"] < mean["b"] < 0 == mean["d"] < mean["c"]  # 20, 24, unknown, 28
    spread = of(features, "values: ac.temperature spread")
    assert spread["b"] < spread["d"] == spread["c"] == 0 < spread["a"]  # one number has no spread


def test_modes_colours_and_switches_are_shares_of_their_values():
    features = behaviour_features(
        {
            "a": acting({"lights": {"color": "warm", "on": True}}, {"lights": {"color": "cool", "on": True}}),
            "b": acting({"lights": {"color": "warm", "on": False}}),
            "c": acting({"lights": {"color": "warm", "on": True}}, {"lights": {"color": "cool", "on": False}}),
            "d": acting({"lights": {"brightness": 3}}),
        }
    )
    warm, on = of(features, "values: lights.color = warm"), of(features, "values: lights.on = True")
    assert warm["a"] == warm["c"] < 0 == warm["d"] < warm["b"]
    assert on["b"] < on["c"] == on["d"] == 0 < on["a"]  # 0, 1/2, unknown, 1


def test_values_that_only_one_persona_chooses_count_together():
    songs = ["Yesterday", "Tomorrow", "Bells", "Snow"]
    features = behaviour_features(
        {
            persona: acting(*({"speaker": {"song": song}} for song in ("Hello", *songs[2 * n : 2 * n + 2])))
            for n, persona in enumerate("abc")
        }
    )
    played = {name for name in features.names if "song" in name}
    assert played == {"values: speaker.song = Hello", "values: speaker.song = other"}


def test_settings_are_read_out_of_words_where_the_data_do_not_give_them():
    features = behaviour_features(
        {
            "a": [dialogue(answer="The AC is at 19 degrees."), dialogue(answer="The TV is at volume 30.")],
            "b": [dialogue(answer="The AC is at 25 degrees."), dialogue(answer="The AC is at 25 degrees.")],
            "c": [dialogue(answer="The AC is at 19 degrees.", actions={"ac": {"temperature": 29}})],
        }
    )
    assert order(features, "values: ac.temperature mean") == "abc"
    assert order(features, "devices: device = ac") == "abc"


def test_data_without_devices_have_no_device_columns():
    features = behaviour_features({"a": saying("How are you?"), "b": saying("Tell me a joke about a cat, please.")})
    assert {name.split(":")[0] for name in features.names} == {"commands", "style"}


def test_talk_of_the_weather_is_not_talk_of_devices():
    small_talk = [dialogue(answer="I am glad to hear that.") for _ in range(20)]
    features = behaviour_features(
        {
            "a": [*small_talk, dialogue(user="Wow!", answer="It will be 18 degrees celsius in Detroit.")],
            "b": [*small_talk, dialogue(answer="It will be 25 degrees celsius in Detroit.")],
            "c": [*small_talk, dialogue(answer="It will be 29 degrees celsius in Detroit.")],
        }
    )
    assert not family(features, "devices").size
    assert not family(features, "values").size


# -- commands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("imperatives", ["Turn the AC on.", "Hello. Please set it to 20.", "Well, then gently dim the lights."]),
        ("requests", ["Could you play something?", "Oh, can we have some light?"]),
        ("wishes", ["I'd like it quiet.", "Today I want the lights on.", "I would prefer music."]),
        ("questions", ["What is the AC set to?", "Is it on?", "where did we leave off"]),
        ("corrections", ["A bit warmer.", "Actually, 22.", "No, leave it.", "20. No, 24.", "Back to 25.", "Brighter!"]),
    ],
)
def test_kinds_of_message_are_told_apart(kind, texts):
    neutral = ["All right.", "That is lovely, the kitchen.", "Good evening to all."]
    features = behaviour_features({"a": saying(*neutral), "b": saying(*texts), "c": saying(*texts, *neutral)})
    assert order(features, f"commands: {kind}") == "acb"
    shares = of(features, f"commands: {kind}")
    assert (shares["c"] - shares["a"]) / (shares["b"] - shares["a"]) == pytest.approx(len(texts) / (len(texts) + 3))


def test_a_request_with_a_question_mark_is_no_question():
    features = behaviour_features({"a": saying("Could you turn it on?"), "b": saying("Is it on?"), "c": saying("So.")})
    asks = of(features, "commands: questions")
    assert asks["a"] == asks["c"] < asks["b"]


def test_task_types_are_shares_where_the_data_have_them():
    kinds = {"a": ["simple", "simple"], "b": ["simple", "multi-device"], "c": ["multi-device", None], "d": [None]}
    features = behaviour_features({p: [dialogue(task_type=kind) for kind in found] for p, found in kinds.items()})
    simple = of(features, "commands: task type = simple")
    assert simple["c"] < simple["b"] == simple["d"] == 0 < simple["a"]  # 0, 1/2, unknown, 1


# -- style ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "little", "much"),
    [
        ("words mean", "Lights on now.", "I was wondering whether the lights might go on."),
        ("exclaiming", "Lights on.", "Lights on!"),
        ("with question mark", "Lights on.", "Lights on?"),
        ("polite words", "Lights on.", "Lights on, please, thank you."),
        ("capitals", "lights on.", "LIGHTS on."),
        ("contractions", "I will wait, it is fine.", "I'll wait, it’s fine."),
        ("type-token ratio", "on and on and on", "lights out for a while"),
    ],
)
def test_style_is_that_of_the_users_messages(column, little, much):
    features = behaviour_features({"b": saying(much), "a": saying(little)})
    assert order(features, f"style: {column}") == "ab"


def test_the_spread_of_lengths_tells_even_from_uneven_talk():
    features = behaviour_features({"a": saying("One two.", "Three four."), "b": saying("One.", "Two three four.")})
    assert order(features, "style: words spread") == "ab"


def test_the_type_token_ratio_does_not_fall_with_the_length_of_the_talk():
    words = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]  # all different
    features = behaviour_features({"a": saying("no no"), "b": saying(" ".join(words)), "c": saying(*words * 2)})
    ratio = of(features, "style: type-token ratio")
    assert ratio["a"] < ratio["b"] == ratio["c"]


def test_hours_are_the_personas_own_in_four_parts_of_the_day():
    def at(*times: str) -> list[Dialogue]:
        return [dialogue(started_at=datetime.fromisoformat(f"2024-05-01T{time}")) for time in times]

    features = behaviour_features(
        {"a": at("07:00+09:00", "23:00+09:00"), "b": at("07:59+00:00", "06:00-05:00"), "c": at("18:00Z", "23:59Z")}
    )
    assert order(features, "style: time = 06–12 h") == "cab"
    assert order(features, "style: time = 18–24 h") == "bac"


def test_what_the_assistant_says_is_not_the_personas_style():
    features = behaviour_features({"a": [dialogue(answer="Sure!")], "b": [dialogue(answer="could you say that again")]})
    assert features.names == ()
    assert features.values.shape == (2, 0)


# -- the table ------------------------------------------------------------------------------------------------------


def everyday(seed: int = 4, personas: int = 6, dialogues: int = 6) -> Mapping[str, Sequence[Dialogue]]:
    made = generate(personas=personas, dialogues=dialogues, seed=seed)
    return {persona.persona_id: made.of(persona.persona_id) for persona in made.personas}


def test_every_family_counts_the_same():
    features = behaviour_features(everyday())
    assert features.values.dtype == np.float64
    assert features.values.shape == (6, len(features.names))
    for name in FAMILIES:
        assert (family(features, name) ** 2).sum(axis=1).mean() == pytest.approx(1)


def test_columns_are_standardised_alike_within_a_family():
    features = behaviour_features(everyday())
    assert features.values.mean(axis=0) == pytest.approx(np.zeros(len(features.names)))
    style = family(features, "style").std(axis=0)  # style is known of everybody
    assert style == pytest.approx(np.full(len(style), style[0]))


@settings(max_examples=10, deadline=None)
@given(shuffled=st.permutations(sorted(everyday())))
def test_rows_stand_in_the_order_given_and_are_the_same_in_any(shuffled):
    given = everyday()
    expected, found = behaviour_features(given), behaviour_features({persona: given[persona] for persona in shuffled})
    assert found.personas == tuple(shuffled)
    assert found.names == expected.names
    rows = [expected.personas.index(persona) for persona in shuffled]
    assert np.array_equal(found.values, expected.values[rows])


def test_a_persona_without_dialogues_is_the_mean_of_the_others():
    features = behaviour_features(everyday() | {"newcomer": []})
    assert not features.values[features.personas.index("newcomer")].any()


def test_personas_that_do_not_differ_have_no_columns():
    assert behaviour_features({"a": saying("Hello there!"), "b": saying("Hello there!")}).names == ()
    assert behaviour_features({"a": saying("Hello there!")}).values.shape == (1, 0)


def test_no_persona_is_told_in_one_sentence():
    with pytest.raises(LabError, match="behaviour: no personas given; give at least one"):
        behaviour_features({})


# -- what it is for -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def halves() -> Features:
    """Sixteen generated personas of 50 dialogues, each as two: every other dialogue to either half."""
    whole = everyday(seed=7, personas=16, dialogues=50)
    return behaviour_features({f"{p}/{half}": found[half::2] for p, found in whole.items() for half in (0, 1)})


def test_the_nearest_neighbour_of_a_half_of_a_personas_dialogues_is_its_other_half(halves):
    distances = np.linalg.norm(halves.values[:, None] - halves.values, axis=-1)
    np.fill_diagonal(distances, np.inf)
    owners = np.array([name.split("/")[0] for name in halves.personas])
    found = (owners == owners[distances.argmin(axis=1)]).mean()
    assert found > 0.5  # measured: 0.62 (0.62 to 0.75 over four seeds); by chance: 1 in 31


def test_clusters_of_behaviour_keep_the_halves_of_a_persona_together(halves):
    labels = cluster(halves.personas, halves.values, "agglomerative", k=6).labels
    together = [labels[f"{p}/0"] == labels[f"{p}/1"] for p in {name.split("/")[0] for name in halves.personas}]
    assert np.mean(together) > 0.5  # measured: 1.0; by chance: about 1 in 6
