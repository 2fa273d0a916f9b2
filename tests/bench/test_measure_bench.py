"""Measuring: in turn, with the peak of memory, by formulas that can be checked by hand."""

from __future__ import annotations

import time

import torch

from lab.bench.floor import Cost, Rates, Shape, answering_cost, training_cost
from lab.bench.measure import Sample, interleave, measure, ratios, timings

CPU = torch.device("cpu")
SHAPE = Shape(layers=2, width=4, keys=2, weights=100, head=50, adapter=10, bytes=2)


def test_sides_are_run_in_turn_and_none_is_always_first():
    order: list[str] = []
    samples = interleave({name: lambda name=name: order.append(name) for name in "abc"}, 3, CPU)
    assert "".join(order) == "abcbcacab"
    assert all(len(found) == 3 for found in samples.values())


def test_the_peak_of_memory_is_seen_though_it_is_given_back():
    def work() -> None:
        held = torch.ones(64 << 18)  # 64 MiB of float32
        time.sleep(0.1)
        del held

    assert 60 << 20 < measure(work, CPU).peak_bytes < 90 << 20


def test_ratios_are_taken_turn_by_turn():
    slow = [measure(lambda: time.sleep(0.04), CPU)]
    fast = [measure(lambda: time.sleep(0.01), CPU)]
    assert ratios(slow, fast)["median"] == slow[0].seconds / fast[0].seconds > 1


def test_the_cost_of_training_follows_its_formula():
    cost = training_cost(SHAPE, lengths=[3, 5], supervised=4, steps=2, groups=6)
    assert cost.flops == 4 * 100 * 8 + 6 * 10 * 8 + 6 * 4 * 2 * (9 + 25) + 4 * 50 * 4
    assert cost.bytes == 2 * 2 * 150 * 2 + 6 * 2 * 28 * 10


def test_the_cost_of_answering_follows_its_formula():
    cost = answering_cost(SHAPE, trunks=[5], prompts=[3, 5], new_tokens=2)
    pairs = (2 * 3 + 2) + (2 * 5 + 2)
    assert cost.flops == 2 * 110 * (5 + 2) + 2 * 50 * 4 + 4 * 2 * (2 * 25 + 4 * pairs)
    assert cost.bytes == 2 * (2 * 150 + 2 * 2 * 2 * pairs + 4 * 10)


def test_of_two_measurements_the_better_rate_counts():
    assert Rates(10.0, 4.0).or_better(Rates(8.0, 5.0)) == Rates(10.0, 5.0)


def test_the_floor_is_the_slower_of_computing_and_moving():
    floor = Rates(10.0, 4.0).floor(Cost(flops=100, bytes=80), seconds=60)
    assert (floor["compute_seconds"], floor["memory_seconds"]) == (10, 20)
    assert (floor["seconds"], floor["times_floor"]) == (20, 3)


def test_cpu_time_does_not_count_waiting():
    sample = measure(lambda: time.sleep(0.2), CPU)
    assert sample.seconds >= 0.2 > 2 * sample.cpu_seconds


def test_timings_hold_every_raw_time_beside_the_median():
    samples = [Sample(3.0, 1.0, 10, None), Sample(1.0, 0.5, 30, None), Sample(2.0, 0.8, 20, None)]
    assert timings(samples) == {
        "seconds": [3.0, 1.0, 2.0],
        "cpu_seconds": [1.0, 0.5, 0.8],
        "median_seconds": 2.0,
        "median_cpu_seconds": 0.8,
        "peak_bytes": 30,
    }
