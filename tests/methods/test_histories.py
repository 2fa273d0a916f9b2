"""A method may not retrieve more dialogues than anybody has."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import LabError
from lab.methods.histories import short_histories
from lab.methods.spec import parse_study


def checked(train: dict[str, int], *methods: str, own: dict[str, Any] | None = None) -> list[str]:
    content = {"name": "s", "data": "d", "base": "b", "methods": list(methods), "method": own or {}}
    return short_histories(parse_study(content, "s.toml"), train)


def test_more_than_anybody_has_is_refused_with_names_and_numbers():
    with pytest.raises(LabError) as caught:
        checked({"anna": 6, "bob": 4, "carl": 9}, "base", "retrieval-k10")
    assert str(caught.value) == (
        "study 's': retrieval-k10 retrieves k = 10 train dialogues, but persona bob has only 4 and no persona more "
        "than 9; lower k, or take more dialogues."
    )


def test_more_than_some_have_is_a_line():
    assert checked({"anna": 6, "bob": 4, "carl": 10}, "retrieval-k10", "retrieval-k5", "retrieval-k3") == [
        "retrieval-k10: 2 of 3 personas have fewer than 10 train dialogues; they are shown what there is",
        "retrieval-k5: 1 of 3 personas have fewer than 5 train dialogues; they are shown what there is",
    ]


def test_what_is_only_stood_on_counts_too():
    own = {"far": {"parameters": "none", "on": "unified", "retrieve": {"k": 9}}}
    own["mine"] = {"share": "persona", "parameters": "lora", "on": "far"}
    with pytest.raises(LabError, match="far retrieves k = 9"):
        checked({"anna": 3}, "mine", own=own)
    assert checked({"anna": 9}, "mine", own=own) == []


def test_who_retrieves_nothing_needs_no_history():
    assert checked({"anna": 1}, "base", "unified", "retrieval-k0", "retrieval-k1") == []
