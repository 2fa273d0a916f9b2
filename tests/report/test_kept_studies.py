"""Studies to be kept: every number can be followed to the prediction rows beside it, without the lab it came from."""

from __future__ import annotations

import csv
import hashlib
import math
import re
import runpy
from collections import defaultdict
from pathlib import Path

import orjson
import pytest
from planned import own_lab
from real_study import CONTENT, carried_out, write_inputs

from lab.db.migrate import migrate
from lab.db.queries import get_study
from lab.report.document.make import make_report

STUDIES = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "studies.py"))


def check_rows(kept: Path) -> int:
    """Digests, and each score of the archive against the mean of its rows; gives how many scores there were."""
    files = STUDIES["unpacked"](kept)
    for path, digest in STUDIES["predictions"](kept):
        assert hashlib.sha256(files[path]).hexdigest() == digest
    similar: dict[tuple[str, str], list[float]] = defaultdict(list)
    for path, _ in STUDIES["predictions"](kept):
        for row in map(orjson.loads, files[path].splitlines()):
            similar[path.split("/")[0], row["persona_id"]].append(row["similarity"])
    n = 0
    for row in csv.DictReader(files["scores.csv"].decode().splitlines()):
        if (row["metric"], row["task_type"]) == ("embedding_similarity", ""):
            values = similar[row["job"], row["persona_id"]]
            assert float(row["value"]) == pytest.approx(math.fsum(values) / len(values), abs=1e-12)
            n += 1
    return n


def check_means(kept: Path) -> None:
    """What the report says of each method, against the means of its scores."""
    files = STUDIES["unpacked"](kept)
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in csv.DictReader(files["scores.csv"].decode().splitlines()):
        if (row["metric"], row["task_type"]) == ("embedding_similarity", ""):
            scores[row["method"]][row["persona_id"]].append(float(row["value"]))
    means = {
        method: {persona: math.fsum(seeds) / len(seeds) for persona, seeds in found.items()}
        for method, found in scores.items()
    }
    measured = STUDIES["measured"](kept)
    assert measured.keys() == means.keys()
    for method, told in measured.items():
        assert told.mean == pytest.approx(math.fsum(means[method].values()) / len(means[method]), abs=1e-12)
        if told.difference is not None:
            apart = [means[method][persona] - score for persona, score in means["unified"].items()]
            assert told.difference == pytest.approx(math.fsum(apart) / len(apart), abs=1e-12)
            assert told.low <= told.difference <= told.high


KEPT = sorted(path.parent for path in STUDIES["STUDIES"].glob("*/" + STUDIES["ROWS"]))


def test_studies_are_kept() -> None:
    assert KEPT


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_every_number_of_a_kept_study_can_be_followed_to_its_rows(kept: Path) -> None:
    assert check_rows(kept) > 0
    check_means(kept)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_the_page_of_a_kept_study_opens_offline(kept: Path) -> None:
    page = (kept / "report.html").read_text("utf-8")
    loaded = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert loaded
    assert not [address for address in loaded if not address.startswith(("#", "data:"))]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The report of a study that was really carried out, and the artifacts folder of its lab."""
    with own_lab(tmp_path_factory.mktemp("lab")) as artifacts:
        migrate()
        carried_out(CONTENT | {"seeds": [0], "evaluate": ["val", "test"]} | write_inputs(artifacts.parent))
        return make_report(get_study("small"), "test", artifacts.parent / "report").folder, artifacts


def test_a_kept_report_brings_every_row_behind_its_numbers(real: tuple[Path, Path], tmp_path: Path) -> None:
    STUDIES["keep"](*real, tmp_path / "kept")
    assert check_rows(tmp_path / "kept") == 3 * len(CONTENT["methods"])
    check_means(tmp_path / "kept")


def test_it_is_kept_in_the_same_bytes_each_time(real: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("one", "other"):
        STUDIES["keep"](*real, tmp_path / name)
    one, other = ((tmp_path / name / STUDIES["ROWS"]).read_bytes() for name in ("one", "other"))
    assert one == other


def test_rows_that_changed_since_the_report_are_refused(real: tuple[Path, Path], tmp_path: Path) -> None:
    report, artifacts = real
    paths = [path for path, _ in STUDIES["predictions"](report)]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes((artifacts / path).read_bytes())
    with (tmp_path / paths[-1]).open("ab") as file:
        file.write(b"{}\n")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "report.html").write_text("of last year")
    with pytest.raises(SystemExit, match="is not the file that the report speaks of; write the report anew"):
        STUDIES["keep"](report, tmp_path, tmp_path / "kept")
    with pytest.raises(SystemExit, match=r"cannot be read \(No such file or directory\); are these"):
        STUDIES["keep"](report, tmp_path / "elsewhere", tmp_path / "kept")
    assert (tmp_path / "kept" / "report.html").read_text() == "of last year"
