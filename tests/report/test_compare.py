"""Scores from anywhere get the statistics of the lab, and a router that is not fooled by noise."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
from scipy import stats

from lab.errors import LabError
from lab.metrics.paired import Against
from lab.report.compare import Comparisons, as_json, compare_file

PERSONAS = [f"p{number:02d}" for number in range(40)]
METHODS = ("unified", "hybrid", "persona")
Gain = Callable[[str, int], float]


def write(
    file: Path,
    gain: Gain = lambda method, persona: 0.0,
    *,
    splits: tuple[str, ...] = ("test",),
    dialogues: int = 0,
    seeds: int = 1,
    rng: np.random.Generator | None = None,
) -> Path:
    """Scores around 0.8 with the gains of (method, persona's number); lines of single dialogues if there are any."""
    rng = rng or np.random.default_rng(0)
    lines = ["method,persona_id,split,seed,dialogue_id,embedding_similarity,length"]
    for split in splits:
        for number, persona in enumerate(PERSONAS):
            for method in METHODS:
                for seed in range(seeds):
                    for dialogue in range(dialogues or 1):
                        name = f"{split}{dialogue}" if dialogues else ""
                        score = 0.8 + gain(method, number) + 0.04 * rng.normal()
                        lines.append(f"{method},{persona},{split},{seed},{name},{score:.6f},{rng.normal():.3f}")
    file.write_text("\n".join(lines))
    return file


def hybrid_helps(method: str, persona: int) -> float:
    return 0.05 if method == "hybrid" else 0.0


def only_some_gain(method: str, persona: int) -> float:
    """The hybrid is better for every fourth persona, and worse for the others."""
    return (0.1 if persona % 4 == 0 else -0.1) if method == "hybrid" else 0.0


def judged(one: Against) -> tuple[float, ...]:
    found = one.comparison
    return (found.n, found.left_out, found.difference, found.t_p, found.improved, found.worst.value)


@pytest.fixture
def found(tmp_path: Path) -> Comparisons:
    return compare_file(write(tmp_path / "s.csv", hybrid_helps, splits=("val", "test"), seeds=2))


def test_the_statistics_are_scipys(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", hybrid_helps)
    rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
    by = {name: np.array([float(row[5]) for row in rows if row[0] == name]) for name in METHODS}
    found = compare_file(file)
    for one in found.versus:
        t = stats.ttest_rel(by[one.method], by["unified"])
        assert (one.comparison.t, one.comparison.t_p) == pytest.approx((t.statistic, t.pvalue))
        assert one.comparison.wilcoxon_p == pytest.approx(stats.wilcoxon(by[one.method] - by["unified"]).pvalue)
        interval = stats.bootstrap((by[one.method] - by["unified"],), np.mean, rng=np.random.default_rng(1))
        low, high = interval.confidence_interval
        assert one.comparison.interval is not None
        mine = (one.comparison.interval.low, one.comparison.interval.high)
        assert mine == pytest.approx((low, high), abs=0.05 * (high - low))
    assert [one.gains for one in found.versus] == [True, False]


def test_everything_that_a_report_says_of_a_study_is_said_of_a_file(found: Comparisons) -> None:
    assert [method.name for method in found.methods] == list(METHODS)
    assert found.methods[0].means.keys() == {"embedding_similarity", "length"}
    assert found.versus[0].seeds is not None
    assert len(found.pairs) == 3
    assert found.ceiling is not None
    assert {one.name: one.met for one in found.methods[1].criteria} == {
        "improved": True, "mean": found.methods[1].summary.mean > 0.85, "worst": True, "p": True,
    }  # fmt: skip
    assert found.methods[0].criteria == ()


def test_a_method_that_is_worse_misses_the_criterion_of_p_however_sure_that_is(tmp_path: Path) -> None:
    found = compare_file(write(tmp_path / "s.csv", lambda method, _: -0.1 * (method == "hybrid")))
    (p,) = (one for one in found.methods[1].criteria if one.name == "p")
    assert found.versus[0].loses
    assert (p.met, p.value) == (False, 1.0)


def test_any_method_can_be_the_one_compared_with(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", hybrid_helps)
    found = compare_file(file, other="hybrid")
    assert [one.method for one in found.versus] == ["unified", "persona"]
    assert all(one.loses for one in found.versus)
    with pytest.raises(LabError, match="there is no method 'hybird'; did you mean 'hybrid'"):
        compare_file(file, other="hybird")
    file.write_text(file.read_text().replace("unified", "plain"))
    with pytest.raises(LabError, match="there is no method 'unified' to compare with; name one of plain, hybrid"):
        compare_file(file)


def test_another_metric_can_be_compared_and_has_no_criteria(tmp_path: Path) -> None:
    found = compare_file(write(tmp_path / "s.csv"), metric="length")
    assert found.metric == "length"
    assert all(method.criteria == () for method in found.methods)
    assert "higher is taken to be better" in found.notes[0]


def test_of_the_labs_own_metrics_it_is_known_which_way_is_better(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", hybrid_helps)
    file.write_text(file.read_text().replace("embedding_similarity", "token_nll"))
    found = compare_file(file, metric="token_nll")
    assert not found.higher_is_better
    assert found.versus[0].loses


def test_of_a_metric_of_ones_own_it_can_be_said_which_way_is_better(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", hybrid_helps, splits=("val", "test"))
    file.write_text(file.read_text().replace("embedding_similarity", "errors"))
    found = compare_file(file, metric="errors", lower_is_better=True)
    assert not found.higher_is_better
    assert found.versus[0].loses
    assert found.router is not None
    assert found.router.chosen["hybrid"] == 0
    assert not any("--lower-is-better" in note for note in found.notes)
    file.write_text(file.read_text().replace("errors", "token_nll"))
    assert not compare_file(file, metric="token_nll", lower_is_better=True).higher_is_better
    file.write_text(file.read_text().replace("token_nll", "embedding_similarity"))
    with pytest.raises(LabError, match="less of it is not better; leave --lower-is-better out"):
        compare_file(file, metric="embedding_similarity", lower_is_better=True)


def test_it_is_told_that_a_metric_has_no_better_side(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv")
    file.write_text(file.read_text().replace("embedding_similarity", "length_ratio"))
    assert "neither more nor less is better" in compare_file(file, metric="length_ratio").notes[0]


def test_it_is_told_how_many_personas_are_in_no_difference(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    scores = "".join(f"unified,p{n},{n / 20}\na,p{n},{n / 10 if n else ''}\n" for n in range(5))
    file.write_text(f"method,persona_id,embedding_similarity\n{scores}")
    assert any("up to 1 of 5 personas have a score on one side only" in note for note in compare_file(file).notes)
    file.write_text(file.read_text().replace("a,p0,", "a,p0,0.1"))
    assert not any("one side only" in note for note in compare_file(file).notes)


def test_without_val_there_is_no_router_and_the_oracle_is_called_a_ceiling(tmp_path: Path) -> None:
    found = compare_file(write(tmp_path / "s.csv"))
    assert found.router is None
    assert found.ceiling is not None
    assert found.ceiling.oracle_gain > 0.02, "on noise alone"
    assert any("the oracle is a ceiling, not a result" in note for note in found.notes)


def test_a_router_without_single_dialogues_serves_all_alike_by_what_val_is_sure_of(found: Comparisons) -> None:
    assert found.router is not None
    assert dict(found.router.chosen) == {"unified": 0, "hybrid": 40, "persona": 0}
    assert found.router.versus.gains
    assert "dialogue_id" in found.router.note


def test_a_router_with_single_dialogues_tells_personas_apart(tmp_path: Path) -> None:
    found = compare_file(write(tmp_path / "s.csv", only_some_gain, splits=("val", "test"), dialogues=8))
    assert found.router is not None
    moved = {persona for persona, method in found.router.choices.items() if method == "hybrid"}
    assert moved == set(PERSONAS[::4])
    assert found.router.versus.gains
    assert found.versus[0].loses, "the hybrid for everybody is worse"


@pytest.mark.parametrize("splits", [("test",), ("val",), ("val", "test")])
def test_a_router_serves_and_is_judged_on_methods_that_were_trained_with_different_seeds(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    """A seed's number is a name: where methods share none, their means over seeds are compared."""
    file = write(tmp_path / "s.csv", only_some_gain, splits=("val", "test"), dialogues=8)
    alike = compare_file(file).router
    for split in splits:
        file.write_text(re.sub(rf"^(hybrid,.*,{split}),0,", r"\1,1,", file.read_text(), flags=re.MULTILINE))
    other = compare_file(file).router
    assert alike is not None
    assert other is not None
    assert other.choices == alike.choices
    assert judged(other.versus) == judged(alike.versus)
    assert other.versus.gains


@pytest.mark.parametrize("unit", [1e-8, 1e-3, 1e6])
@pytest.mark.parametrize("dialogues", [0, 8])
def test_the_unit_of_a_score_is_all_one_to_a_router(tmp_path: Path, dialogues: int, unit: float) -> None:
    file = write(tmp_path / "s.csv", only_some_gain, splits=("val", "test"), dialogues=dialogues)
    plain = compare_file(file, metric="length").router, compare_file(file).router
    head, *lines = (line.split(",") for line in file.read_text().splitlines())
    scaled = [[*line[:5], *(repr(float(score) * unit) for score in line[5:])] for line in lines]
    file.write_text("\n".join(",".join(line) for line in [head, *scaled]))
    for metric, one in zip(("length", "embedding_similarity"), plain, strict=True):
        other = compare_file(file, metric=metric).router
        assert one is not None
        assert other is not None
        assert other.choices == one.choices


@pytest.mark.parametrize("dialogues", [0, 8])
@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e12])
def test_nobody_is_routed_by_rounding(tmp_path: Path, dialogues: int, unit: float) -> None:
    lines = ["method,persona_id,split,dialogue_id,m"]
    for split in ("val", "test"):
        for persona in PERSONAS:
            for method, score in (("unified", 0.3 * unit), ("hybrid", 0.30000000000000004 * unit)):
                names = [f"d{n}" for n in range(dialogues)] or [""]
                lines += [f"{method},{persona},{split},{name},{score!r}" for name in names]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    found = compare_file(tmp_path / "s.csv").router
    assert found is not None
    assert dict(found.chosen) == {"unified": 40, "hybrid": 0}


def test_who_lacks_a_seed_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", seeds=2)
    even = compare_file(file).notes
    assert not any("seed" in note for note in even)
    lines = [line for line in file.read_text().splitlines() if not re.match(r"hybrid,.*,test,1,", line)]
    file.write_text("\n".join(lines))
    said = "not all have every seed (hybrid 0): two are compared in the seeds that both have"
    assert compare_file(file).notes == (*even, said)


def test_what_lacks_val_scores_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "s.csv", splits=("val", "test"))
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if not re.match("unified,.*,val,", line)))
    assert any(note.startswith("unified has no val scores") for note in compare_file(file).notes)
    file.write_text("\n".join(line for line in lines if ",val," not in line))
    assert any(note.startswith("the file has no val scores") for note in compare_file(file).notes)


def test_a_router_that_serves_all_alike_is_judged_as_that_method_is(tmp_path: Path) -> None:
    """On the seeds that it shares with the default, which here ran with one seed more."""
    file = write(tmp_path / "s.csv", hybrid_helps, splits=("val", "test"), seeds=2)
    lines = [line for line in file.read_text().splitlines() if not re.match(r"(hybrid|persona),.*,(val|test),1,", line)]
    file.write_text("\n".join(lines))
    found = compare_file(file)
    assert found.router is not None
    assert found.router.chosen["hybrid"] == 40
    assert judged(found.router.versus) == judged(found.versus[0])


def test_several_answers_to_a_dialogue_are_one_witness(tmp_path: Path) -> None:
    """The same scores under a second seed are no reason to be surer."""
    file = write(tmp_path / "s.csv", splits=("val", "test"), dialogues=3, rng=np.random.default_rng(1))
    once = compare_file(file).router
    head, *lines = file.read_text().splitlines()
    again = [re.sub(r",(val|test),0,", r",\1,1,", line) for line in lines]
    file.write_text("\n".join([head, *lines, *again]))
    twice = compare_file(file).router
    assert once is not None
    assert twice is not None
    assert twice.choices == once.choices
    assert judged(twice.versus) == pytest.approx(judged(once.versus))


@pytest.mark.parametrize("dialogues", [0, 5])
def test_on_noise_the_router_claims_no_gain_where_the_published_procedure_does(tmp_path: Path, dialogues: int) -> None:
    rng = np.random.default_rng(dialogues)
    claimed = 0
    for _ in range(20):
        found = compare_file(write(tmp_path / "s.csv", splits=("val", "test"), dialogues=dialogues, rng=rng))
        assert found.router is not None
        assert found.ceiling is not None
        claimed += found.router.versus.gains
        assert found.ceiling.published_gain > 0.005
    assert claimed <= 3


def test_where_test_contradicts_val_the_router_is_judged_by_test(tmp_path: Path) -> None:
    """It may only be wrong honestly: what it chose on val stands, and test says what that was worth."""
    file = write(tmp_path / "s.csv", hybrid_helps, splits=("val",))
    worse = write(tmp_path / "t.csv", lambda method, _: -0.05 * (method == "hybrid"))
    file.write_text(file.read_text() + "\n" + "\n".join(worse.read_text().splitlines()[1:]))
    found = compare_file(file)
    assert found.router is not None
    assert found.router.chosen["hybrid"] == 40
    assert found.router.versus.loses


def test_task_types_are_one_family(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lines = ["method,persona_id,task_type,embedding_similarity"]
    for kind in ("simple", "multi-device"):
        for method in METHODS:
            gain = 0.1 * (kind == "simple" and method == "hybrid")
            lines += [f"{method},{p},{kind},{0.7 + gain + 0.04 * rng.normal():.4f}" for p in PERSONAS]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    found = compare_file(tmp_path / "s.csv")
    assert [one.task_type for one in found.task_types] == ["multi-device", "simple"]
    everything = [one for kind in found.task_types for one in kind.versus]
    smallest = min(everything, key=lambda one: one.comparison.t_p)
    assert (smallest.method, smallest.p_holm) == ("hybrid", pytest.approx(4 * smallest.comparison.t_p))


def test_it_is_all_there_as_json(found: Comparisons) -> None:
    told = orjson.loads(orjson.dumps(as_json(found)))
    assert {"metric", "methods", "versus", "pairs", "task_types", "router", "ceiling", "notes"} <= told.keys()
    assert {"p_holm", "wilcoxon_p_holm", "comparison", "seeds"} <= told["versus"][0].keys()
