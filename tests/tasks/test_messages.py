"""What supervisor and executor say to each other, and the manifest of what a job leaves."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.tasks.manifest import MANIFEST_FILE, verify_manifest, write_manifest
from lab.tasks.messages import (
    Answer,
    Assignment,
    Checkpoint,
    Done,
    Event,
    Failed,
    Log,
    Metrics,
    Progress,
    Stopped,
    decode_event,
    encode_assignment,
    encode_event,
)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
steps = st.integers(0, 2**31 - 1)
events = st.one_of(
    st.builds(Progress, maybe, st.none() | steps, st.none() | steps, maybe, maybe, st.none() | text),
    st.builds(Metrics, st.lists(st.tuples(text, text, steps, numbers).map(list), max_size=3)),
    st.builds(Log, text),
    st.builds(Checkpoint, text, steps),
    st.builds(Answer, text, st.dictionaries(text, numbers, max_size=2)),
    st.builds(Done, text, st.dictionaries(text, text, max_size=2)),
    st.builds(Failed, text, st.booleans()),
    st.just(Stopped()),
)


@given(events)
def test_an_event_is_one_line_and_comes_back_as_it_was(event: Event):
    line = encode_event(event)
    assert line.count(b"\n") == 1
    assert orjson.dumps(asdict(decode_event(line))) == orjson.dumps(asdict(event))


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"Epoch 1: 50%\n", b"{}\n", b"[1]\n", b"3\n", b'{"event": "Gossip"}\n', b'{"event": "Log"}\n']
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(ValueError, match=r"."):
        decode_event(line)


def test_what_is_not_a_number_arrives_as_nothing():
    """JSON has no NaN; the supervisor leaves such points and scores out."""
    event = decode_event(encode_event(Metrics([("train", "", 1, math.nan), ("train", "", 2, math.inf)])))
    assert [point[3] for point in event.points] == [None, None]


def test_a_nul_in_a_text_does_not_reach_the_database():
    assert decode_event(encode_event(Log("a\0b"))) == Log("a\ufffdb")
    assert decode_event(encode_event(Log(r"a\u0000b"))).text.startswith("a\\")


def test_an_assignment_is_one_line():
    assignment = Assignment(
        1, 2, "train", "unified", {"a": [1, "\n"]}, "/a", "1/2", "/c", "cpu", "auto", None, 60.0, None, {"key": "0/1"}
    )
    line = encode_assignment(assignment)
    assert line.count(b"\n") == 1
    assert Assignment(**orjson.loads(line)["run"]) == assignment
    assert replace(assignment, job=2) != assignment


# ---------------------------------------------------------------- manifest


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "adapters" / "0000").mkdir(parents=True)
    (tmp_path / "adapters" / "0000" / "weights").write_bytes(b"\0" * 100)
    (tmp_path / "recipes.json").write_text("{}")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state").write_text("half")
    return tmp_path


def test_a_manifest_names_every_file_but_the_checkpoint(artifact: Path):
    digest = write_manifest(artifact, {"job": 7})
    content = orjson.loads((artifact / MANIFEST_FILE).read_bytes())
    assert (content["job"], sorted(content["files"])) == (7, ["adapters/0000/weights", "recipes.json"])
    verify_manifest(artifact, digest)


def test_the_same_artifact_has_the_same_manifest(artifact: Path):
    first = write_manifest(artifact, {"job": 7})
    assert write_manifest(artifact, {"job": 7}) == first


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda a: (a / "recipes.json").unlink(), r"recipes\.json: missing or changed since its job succeeded"),
        (lambda a: (a / "recipes.json").write_text("[]"), r"recipes\.json: missing or changed"),
        (lambda a: (a / "adapters/0000/weights").write_bytes(b"\0" * 99), r"weights: missing or changed"),
        (lambda a: (a / MANIFEST_FILE).unlink(), r"manifest\.json: missing or not the committed one"),
        (lambda a: (a / MANIFEST_FILE).write_text("{}"), r"manifest\.json: missing or not the committed one"),
    ],
)
def test_what_is_damaged_does_not_verify(artifact: Path, damage, says):
    digest = write_manifest(artifact, {})
    damage(artifact)
    with pytest.raises(LabError, match=f"{says}.*restore"):
        verify_manifest(artifact, digest)


def test_the_checkpoint_may_go(artifact: Path):
    digest = write_manifest(artifact, {})
    (artifact / "checkpoint" / "state").unlink()
    verify_manifest(artifact, digest)
