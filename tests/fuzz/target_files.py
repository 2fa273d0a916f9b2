"""Files that people write or receive: studies, settings, data sets, recipe books, manifests, predictions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import tomli_w
from dataset_strategies import chat_lines, edgewise_lines
from hostile import CODE, PATHS, damaged, garbage, json_like, lines_like, mutated, texts
from hypothesis import strategies as st
from planned import own_lab
from target import Target, check_plain, told

from lab.data.load import load
from lab.data.store import keep
from lab.data.types import Dataset, digest
from lab.methods.plan import plan
from lab.methods.recipe import AdapterRef, Gated, Recipe, read_book, write_book
from lab.methods.spec import read_study
from lab.paths import inside
from lab.report.predictions import Prediction, read_predictions
from lab.settings import load_settings
from lab.store.manifest import described, parsed
from lab.tui.feeds.turns import turn_of
from lab.tui.text import clean
from lab.tui.widgets.dialogues import turn_lines

# ---------------------------------------------------------------- studies

STUDIES: list[dict[str, Any]] = [
    {"data": "talk", "base": "smollm2-135m", "methods": ["base", "unified", "persona"], "seeds": [0, 1]},
    {
        "name": "all",
        "data": "talk",
        "base": "tiny",
        "methods": ["mine", "both", "far", "routed"],
        "split": [0.6, 0.2, 0.2],
        "evaluate": ["val", "test"],
        "training": {"epochs": 2, "learning_rate": 1e-3, "patience": 3},
        "method": {
            "mine": {"parameters": "lora", "share": "persona", "on": "unified", "lora": {"rank": [4, 8]}},
            "both": {"parameters": "none", "on": "unified", "retrieve": {"k": 3, "by": "recency", "show": "examples"}},
            "far": {"parameters": "none", "endpoint": {"url": "http://localhost:1/v1", "key": "KEY", "timeout": 5}},
            "routed": {"parameters": "none", "route": {"among": ["unified", "persona"], "how": "val"}},
            "merged": {"parameters": "none", "merge": {"of": "persona", "how": "ties", "density": 0.5}},
            "swept": {"parameters": "lora", "sweep": {"learning_rate": [1e-4, 1e-3], "rank": [2, 4]}},
        },
    },
]


def _toml(tree: Any) -> bytes:
    """TOML, as far as it can say this; what it cannot is left out."""
    try:
        return tomli_w.dumps(_sayable(tree) if isinstance(tree, dict) else {"data": str(tree)}).encode(
            "utf-8", "replace"
        )
    except (TypeError, ValueError, RecursionError):
        return b"data = [[[[[["


def _sayable(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _sayable(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [_sayable(value) for value in tree if value is not None]
    return tree


studies = st.one_of(
    st.sampled_from(STUDIES).flatmap(mutated).map(_toml).flatmap(damaged),
    st.sampled_from(STUDIES).map(_toml).flatmap(damaged),
    garbage,
)


def attack_study(home: Path, content: bytes) -> None:
    """A study is read and planned, or refused; its name is no path."""
    file = home / "study.toml"
    file.write_bytes(content)
    study = told(lambda: read_study(file, {}, {}))
    if study is not None:
        assert inside(home, f"{study.name}.toml").parent == home
        check_plain(study.name)
        told(lambda: plan(study, "d" * 64))


# ---------------------------------------------------------------- settings

SETTINGS = {
    "artifacts": "here", "cache": "~/weights", "database_url": "postgresql://lab:s3cret@db/lab",
    "redis_url": "rediss://:s3cret@queue:6379/0", "base": "tiny", "devices": ["cpu"], "dtype": "auto",
    "heartbeat_seconds": 2.0, "lease_seconds": 30.0, "tries": 2,
}  # fmt: skip

settings_files = st.one_of(st.just(SETTINGS).flatmap(mutated).map(_toml).flatmap(damaged), garbage)


def attack_settings(home: Path, content: bytes) -> None:
    """Settings are read or refused, and nothing is made of them yet."""
    (home / "settings.toml").write_bytes(content)
    load_settings.cache_clear()
    told(load_settings)


def _no_settings(home: Path) -> Any:
    return own_lab(home)


# ---------------------------------------------------------------- data

FORMATS = [chat_lines(), edgewise_lines()]
RICH = chat_lines()
RICH["personas.jsonl"][0] |= {"name": "Ada", "preferences": {"volume": [1, {"a": None}]}}
RICH["dialogues.jsonl"][0] |= {"task_type": "simple", "applied_routines": [0]}
RICH["dialogues.jsonl"][0]["messages"] = [
    {"role": "user", "content": "Warmer."},
    {"role": "assistant", "content": "22 degrees.", "actions": {"ac": {"temperature": 22}}},
]


@st.composite
def _folders(draw: Any) -> dict[str, bytes]:
    files = draw(st.sampled_from([*FORMATS, RICH]))
    return {name: draw(lines_like(lines)) for name, lines in files.items() if draw(st.integers(0, 30))}


def attack_data(home: Path, files: dict[str, bytes]) -> None:
    """A data set is read whole, kept and read again as it was, or refused with every fault; its names are no paths."""
    folder = home / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    dataset: Dataset | None = told(lambda: load(str(folder)))
    if dataset is None:
        return
    for one in (*(p.persona_id for p in dataset.personas), *(d.dialogue_id for d in dataset.dialogues)):
        assert inside(home, one).parent == home, one
    kept = keep(dataset, home / "kept", "one", replace=True)
    assert digest(load(str(kept))) == digest(dataset)


def attack_name(home: Path, name: str) -> None:
    """A data set is kept under a name, or the name is refused; nothing is written outside the store."""
    from dataset_strategies import tiny

    told(lambda: keep(tiny(1, 3), home / "store", name, replace=True))
    told(lambda: load(name))
    assert {path.name for path in home.iterdir()} <= {"store", "kept", "data", "artifacts"}


# ---------------------------------------------------------------- what jobs leave

_REFERENCE = AdapterRef("persona/maya", "12/1/adapters/0000", "f" * 64, 0.5)
BOOK: dict[str, Any] = orjson.loads(
    orjson.dumps(
        {
            "maya": Recipe("tiny", (_REFERENCE,), "w" * 64, "description", "likes it warm", {"k": 3}, "otto"),
            "otto": Recipe(
                "tiny", gated=Gated((_REFERENCE, _REFERENCE), "13/1", "e" * 64, 2), endpoint={"url": "http://x"}
            ),
        }
    )
)


def attack_book(home: Path, content: bytes) -> None:
    """A recipe book is read, and written again the same; or it is refused."""
    (home / "recipes.json").write_bytes(content)
    book = told(lambda: read_book(home))
    if book is not None:
        write_book(book, home)
        assert read_book(home) == book
        for recipe in book.values():
            for reference in recipe.adapters:
                told(lambda folder=reference.folder: inside(home, folder))


def attack_manifest(home: Path, content: bytes) -> None:
    """A manifest names files below its folder, or is refused."""
    manifest = told(lambda: parsed(content, "12/1/manifest.json"))
    if manifest is not None:
        for name in manifest.files:
            assert inside(home, name).resolve().is_relative_to(home.resolve())


PREDICTION = orjson.loads(
    orjson.dumps(
        Prediction(
            "maya",
            "maya-07",
            1,
            "simple",
            {"weather": "rainy"},
            [{"role": "user", "content": "Warmer."}],
            "22 degrees.",
            "22 degrees!",
            0.9,
            3.2,
            4,
        )
    )
)


def attack_predictions(home: Path, content: bytes) -> None:
    """Predictions are read, and laid out on the screen; or they are refused."""
    (home / "predictions.jsonl").write_bytes(content)
    for prediction in told(lambda: read_predictions(home)) or ():
        for line in turn_lines(turn_of(prediction, {"unified": prediction, "hybrid": prediction}), 80, 0):
            check_plain("".join(text for text, _ in clean(line)))


def attack_path(home: Path, name: str) -> None:
    """A relative name leads nowhere but below its folder."""
    (home / "root" / "in").mkdir(parents=True, exist_ok=True)
    for link, to in (("out", home), ("loop", "loop"), ("up", "..")):
        if not (home / "root" / link).is_symlink():
            (home / "root" / link).symlink_to(to)
    found = told(lambda: inside(home / "root", name))
    if found is not None:
        assert found.resolve().is_relative_to((home / "root").resolve())


_links = st.lists(st.sampled_from(["in", "out", "loop", "up", "..", ".", "", "x"]), max_size=5).map("/".join)
_manifest = orjson.loads(described(Path(__file__).parent, [Path(__file__)], {"job": 1}).content)

TARGETS = [
    Target("study files", studies, attack_study, 12, 150),
    Target("settings files", settings_files, attack_settings, 6, 150, _no_settings),
    Target("data lines", _folders(), attack_data, 16, 60),
    Target("data set names", st.one_of(texts, st.sampled_from(PATHS + CODE)), attack_name, 2, 40),
    Target("recipe books", json_like(BOOK), attack_book, 6, 120),
    Target("manifests", json_like(_manifest, {"files": {"../x": "f" * 64}}), attack_manifest, 4, 150),
    Target("predictions", lines_like([PREDICTION, PREDICTION]), attack_predictions, 4, 120),
    Target("paths", st.one_of(texts, _links), attack_path, 4, 200),
]
