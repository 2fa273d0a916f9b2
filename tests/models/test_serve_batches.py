"""Which rows are served together, and what is heard of them on the way."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import random_rows, scripted_resident

from lab.models.answer import request_of
from lab.models.decode import Request, plan
from lab.models.serve import Answer, generate


def test_rows_are_handed_over_as_they_are_answered_with_their_share_of_the_time(resident, names):
    rows = random_rows(names, 5, 10)
    seen: dict[int, Answer] = {}
    start = time.perf_counter()
    answers = generate(resident, rows, 8, on_row=seen.__setitem__, batch_tokens=300)
    elapsed = time.perf_counter() - start
    assert [seen[i] for i in range(10)] == answers
    assert all(answer.seconds > 0 for answer in answers)
    assert 0.3 * elapsed < sum(answer.seconds for answer in answers) < elapsed


def test_progress_grows_with_every_token_to_the_end(resident, names):
    rows = random_rows(names, 6, 12)
    heard: list[float] = []
    generate(resident, rows, 10, batch_tokens=300, on_progress=heard.append)
    assert heard == sorted(heard)
    assert len(heard) > 10
    assert 0 < heard[0] < 0.5 < heard[-1] <= 1


@pytest.mark.parametrize("batch_tokens", [1, 100, 300, 10_000])
def test_the_size_of_the_batches_changes_nothing(resident, names, batch_tokens):
    rows = random_rows(names, 7, 12)
    whole = generate(resident, rows, max_new_tokens=6)
    parts = generate(resident, rows, max_new_tokens=6, batch_tokens=batch_tokens)
    assert [a.token_ids for a in parts] == [a.token_ids for a in whole]


def test_turns_of_one_dialogue_are_read_once(resident, names):
    requests = [request_of(resident, row, 8) for row in random_rows(names, 8, 12)]
    batches = plan(resident, requests, range(12), 8, 10_000, sharing=True)
    families = [family for batch in batches for family in batch]
    assert sorted(i for family in families for i in family) == list(range(12))
    assert len(families) < 12
    for family in families:
        longest = requests[family[-1]]
        assert all(requests[i].ids == longest.ids[: len(requests[i].ids)] for i in family)
        assert {requests[i].stack for i in family} == {longest.stack}


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=30),
    shared=st.booleans(),
    budget=st.integers(1, 400),
    answer=st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_no_batch_is_larger_than_asked_unless_one_row_is(make_model, tokenizer, lengths, shared, budget, answer):
    resident = scripted_resident(make_model, tokenizer)
    requests = [Request(tuple(range(n)) if shared else (i, *range(n - 1))) for i, n in enumerate(lengths)]
    batches = plan(resident, requests, range(len(lengths)), answer, budget, sharing=True)
    assert sorted(i for batch in batches for family in batch for i in family) == list(range(len(lengths)))
    for batch in batches:
        rows = [i for family in batch for i in family]
        assert len(rows) == 1 or len(rows) * (max(lengths[i] for i in rows) + answer) <= budget
