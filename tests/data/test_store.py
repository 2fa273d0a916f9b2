from __future__ import annotations

from pathlib import Path

import pytest
from dataset_strategies import tiny

from lab.data.formats.chat import read_chat
from lab.data.store import keep, locate, write_whole
from lab.errors import LabError


def test_a_kept_data_set_is_read_back_by_its_name(tmp_path: Path) -> None:
    folder = keep(tiny(), tmp_path, "mine")
    assert folder == tmp_path / "mine"
    assert read_chat(Path(locate("mine", tmp_path))) == tiny()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]  # nothing temporary stays


def test_keeping_the_same_again_changes_nothing(tmp_path: Path) -> None:
    before = (keep(tiny(), tmp_path, "mine") / "dialogues.jsonl").stat()
    assert (keep(tiny(), tmp_path, "mine") / "dialogues.jsonl").stat() == before


def test_a_name_is_never_given_twice(tmp_path: Path) -> None:
    keep(tiny(), tmp_path, "mine")
    with pytest.raises(LabError, match="holds another data set; give yours another name"):
        keep(tiny(3), tmp_path, "mine")
    assert read_chat(tmp_path / "mine") == tiny()


def test_a_name_goes_to_another_data_set_on_demand_even_from_a_broken_one(tmp_path: Path) -> None:
    folder = keep(tiny(), tmp_path, "mine")
    keep(tiny(3), tmp_path, "mine", replace=True)
    assert read_chat(folder) == tiny(3)
    (folder / "dialogues.jsonl").write_text("broken")
    keep(tiny(), tmp_path, "mine", replace=True)
    assert read_chat(folder) == tiny()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "-x", "a b", "ü", "x" * 101])
def test_names_that_will_not_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="use letters, digits"):
        keep(tiny(), tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_locate_leaves_paths_and_unknown_names_alone(tmp_path: Path) -> None:
    assert locate("nothing", tmp_path) == "nothing"
    assert locate("../mine", tmp_path) == "../mine"


def test_a_failure_while_writing_leaves_the_old_folder_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_whole(folder, lambda fresh: (fresh / "a").write_text("old"))

    def fail(fresh: Path) -> None:
        (fresh / "a").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(LabError, match=r"out cannot be written \(No space left on device\); check the disk"):
        write_whole(folder, fail)
    assert (folder / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    write_whole(folder, lambda fresh: (fresh / "b").write_text("new"))
    assert [path.name for path in folder.iterdir()] == ["b"]


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="cannot be written"):
        keep(tiny(), tmp_path / "file" / "data", "mine")
