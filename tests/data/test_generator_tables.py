"""The phrase tables hold together: every manner can say everything, and asks for no slot that nobody fills."""

from __future__ import annotations

import re

import pytest

from lab.data.devices import DEVICES, fits
from lab.data.generate.dice import Dice, deal, quotas
from lab.data.generate.hand import lower_first, tidy
from lab.data.generate.numerals import spell
from lab.data.generate.tables import manners, table
from lab.data.generate.voice import Voice, needs

NAMES = {"given", "surname", "title", "sir", "maam", "room"}
SCENE = {"tod", "later_day", "wx", "wxn", "who", "whois", "after", "before", "doing", "if_cold", "if_hot", "if_wet"}
REQUEST = {"do", "want", "ing", "list"}
USER = NAMES | SCENE | REQUEST | {"bot", "occ", "occing", "val", "old", "dev", "isdev", "more", "domore", "delay"}
USER |= {"wrong", "wrongdo", "wrongwant"}
ASSISTANT = NAMES | SCENE | REQUEST | {"addr", "occ", "did", "state", "val", "dev", "delay", "howmuch"}
SOMETIMES = {"occ", "occing", "doing", "before", "who", "whois", "more", "if_cold", "if_hot", "if_wet"}
"""Slots that are not there in every dialogue."""
SETTING = {"do", "did", "ing", "list", "state", "want", "val"}


@pytest.mark.parametrize("key", manners())
def test_a_manner_has_every_act_and_knows_its_kin(key: str) -> None:
    manner, model = manners()[key], manners()["formal"]
    assert manner.user.keys() == model.user.keys()
    assert manner.assistant.keys() == model.assistant.keys()
    assert manner.rates.keys() == model.rates.keys()
    assert set(manner.kin) <= manners().keys() - {key}
    assert all(manner.about)


@pytest.mark.parametrize("key", manners())
def test_frames_ask_for_known_slots_only(key: str) -> None:
    for frames, known in ((manners()[key].user, USER), (manners()[key].assistant, ASSISTANT)):
        for act, lines in frames.items():
            for line in lines:
                assert needs(line) <= known, f"{act}: {line}"
                assert line.count("[") == line.count("]"), f"{act}: {line}"


@pytest.mark.parametrize("key", manners())
def test_there_is_always_something_to_say(key: str) -> None:
    """Without routine, housemates or telling weather every act but the few that need them still has two frames."""
    manner = manners()[key]
    for frames, elsewhere in (
        (manner.user, {"usual", "doing", "before", "who", "standing"}),
        (manner.assistant, set()),
    ):
        for act, lines in frames.items():
            if act in elsewhere or act in ("re_doing", "re_who", "standing"):
                continue
            plain = [line for line in lines if not needs(line) & SOMETIMES]
            if frames is manner.assistant:
                plain = [line for line in plain if "> " not in line]
            assert len(plain) >= 2, f"{act}: {plain}"


@pytest.mark.parametrize("key", manners())
def test_an_answer_that_sets_names_what_it_sets(key: str) -> None:
    for act in ("ask", "usual", "context", "mood", "adjust", "fix", "standing", "query", "later"):
        for line in manners()[key].assistant[act]:
            assert needs(line) & SETTING, f"{act}: {line}"


@pytest.mark.parametrize("key", manners())
def test_tags_come_in_pairs(key: str) -> None:
    manner = manners()[key]
    tags = [set(re.findall(r"(\w+)> ", " ".join(sum(side.values(), ())))) for side in (manner.user, manner.assistant)]
    assert tags[0] == tags[1]


def test_occasions_stay_within_the_devices() -> None:
    for occasion in table("occasions")["occasion"]:
        assert occasion["names"]
        assert len(occasion["devices"]) >= 2
        for device, domains in occasion["devices"].items():
            for name, domain in domains.items():
                assert all(fits(value, DEVICES[device][name]) for value in domain), (occasion["key"], device, name)


def test_tidy_mends_spaces_and_capitals() -> None:
    assert tidy(" done .  the AC is on ! ok") == "Done. The AC is on! Ok"
    assert tidy("um... well, yes") == "Um... well, yes"


@pytest.mark.parametrize(
    ("text", "after"), [("Set it.", "set it."), ("I'd like", "I'd like"), ("AC 22", "AC 22"), ("A bit", "a bit")]
)
def test_a_sentence_goes_on_in_small_letters(text: str, after: str) -> None:
    assert lower_first(text) == after


def test_numbers_in_words() -> None:
    assert [spell(n) for n in (0, 7, 13, 20, 22, 100)] == [
        "zero",
        "seven",
        "thirteen",
        "twenty",
        "twenty-two",
        "a hundred",
    ]


def test_dice_are_fair_and_named() -> None:
    dice = Dice(1, "x")
    assert [Dice(1, "x").below(1000) for _ in range(3)] == [dice.below(1000)] * 3
    draws = [dice.between(2, 4) for _ in range(300)]
    assert set(draws) == {2, 3, 4}
    assert sorted(dice.shuffled(range(9))) == list(range(9))


def test_cards_are_dealt_evenly_and_do_not_depend_on_the_players() -> None:
    cards = [deal(0, "x", i, "abc") for i in range(9)]
    assert all(sorted(cards[i : i + 3]) == ["a", "b", "c"] for i in (0, 3, 6))


def test_quotas_keep_to_the_shares() -> None:
    found = quotas(Dice(0), 50, (75, 25))
    assert found.count(0) in (37, 38)
    assert quotas(Dice(0), 0, (75, 25)) == []


def test_a_voice_has_favourites_of_its_own_and_remembers_what_it_said() -> None:
    options = [f"phrase {i}" for i in range(8)]
    one, other = Voice("a", Dice(0)), Voice("b", Dice(0))
    assert one.favourites(options, 8) == Voice("a", Dice(9)).favourites(options, 8) != other.favourites(options, 8)
    said = [one.frame(options) for _ in range(8)]
    assert sorted(said) == options  # nothing twice while something is left
    assert one.settle("[a|[a|a]] b") == "a b"
