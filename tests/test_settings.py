"""Settings: the file, then the variables; every key known, every fault one sentence."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from planned import forget_settings

from lab.cli.machine import _settings
from lab.errors import LabError
from lab.settings import Settings, exposed_file, load_settings

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder without settings, and no variables."""
    for name in [name for name in os.environ if name.startswith("LAB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield tmp_path
    forget_settings()


def refused() -> str:
    """The sentence that the settings are refused with."""
    with pytest.raises(LabError) as caught:
        load_settings()
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith((".", "?"))
    return said


# ---------------------------------------------------------------- what wins


def test_without_file_and_variables_everything_has_a_default(home):
    settings = load_settings()
    assert (settings.tries, settings.devices, settings.redis_url) == (2, [], "")
    assert settings.database == f"sqlite:///{home}/artifacts/lab.db"


def test_the_file_wins_over_defaults_and_variables_win_over_the_file(home, monkeypatch):
    (home / "settings.toml").write_text('tries = 5\nbase = "from-file"\n')
    monkeypatch.setenv("LAB_BASE", "from-variable")
    settings = load_settings()
    assert (settings.tries, settings.base) == (5, "from-variable")


def test_another_file_can_be_named(home, monkeypatch):
    (home / "mine.toml").write_text("tries = 7\n")
    monkeypatch.setenv("LAB_SETTINGS", "mine.toml")
    assert load_settings().tries == 7


def test_lists_are_json_in_variables(monkeypatch):
    monkeypatch.setenv("LAB_DEVICES", '["cuda:0", "cuda:1"]')
    assert load_settings().devices == ["cuda:0", "cuda:1"]


def test_folders_are_relative_to_the_file_not_to_where_one_happens_to_be(home, monkeypatch):
    (home / "lab").mkdir()
    (home / "lab" / "settings.toml").write_text('artifacts = "here/a"\ncache = "~/weights"\n')
    monkeypatch.setenv("LAB_SETTINGS", str(home / "lab" / "settings.toml"))
    settings = load_settings()
    assert settings.artifacts == home / "lab" / "here" / "a"
    assert settings.cache == Path.home() / "weights"
    load_settings.cache_clear()
    monkeypatch.setenv("LAB_ARTIFACTS", "there")
    assert load_settings().artifacts == home / "lab" / "there"


def test_a_postgres_url_is_given_its_driver(monkeypatch):
    monkeypatch.setenv("LAB_DATABASE_URL", "postgresql://ada@db/lab")
    assert load_settings().database == "postgresql+psycopg://ada@db/lab"


# ---------------------------------------------------------------- what is refused


def test_an_unknown_key_in_the_file_is_refused_with_the_near_one(home):
    (home / "settings.toml").write_text('redis_ulr = "redis://queue"\n')
    assert refused() == f"{home}/settings.toml: there is no setting 'redis_ulr'; did you mean redis_url?"


def test_an_unknown_variable_is_refused_with_the_near_one(monkeypatch):
    monkeypatch.setenv("LAB_TRYS", "3")
    assert refused() == "environment variable LAB_TRYS: there is no setting 'trys'; did you mean tries?"


def test_an_unknown_key_near_to_none_is_told_all_there_are(monkeypatch):
    monkeypatch.setenv("LAB_ZZZ", "3")
    said = refused()
    assert said.startswith(
        "environment variable LAB_ZZZ: there is no setting 'zzz'; known settings: artifacts, artifacts_gb,"
    )
    assert all(key in said for key in Settings.model_fields)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("tries", "0", "it has to be at least 1, but got '0'."),
        ("heartbeat_seconds", "soon", "a number is needed here, but got 'soon'."),
        ("dtype", "float16", "choose 'auto', 'bfloat16' or 'float32', but got 'float16'."),
        ("artifacts", "", "it names no folder; write . for the one that holds settings.toml, but got ''."),
        ("tries", "", "a whole number is needed here, but got ''."),
    ],
)
def test_a_value_that_does_not_fit_names_its_key_and_both_places(home, monkeypatch, key, value, says):
    monkeypatch.setenv(f"LAB_{key.upper()}", value)
    where = re.escape(f"setting '{key}' (in {home}/settings.toml or LAB_{key.upper()}): ")
    assert re.fullmatch(where + says, refused())


@pytest.mark.parametrize("url", ["redis://[", "queue:6379", "http://ada:s3cret@queue", "redis://ada:s3cret@queue:port"])
def test_a_redis_url_that_is_none_is_refused_without_telling_its_password(monkeypatch, url):
    monkeypatch.setenv("LAB_REDIS_URL", url)
    said = refused()
    assert "this is not a URL that begins with" in said
    assert said.endswith("mend it or leave it empty.")
    assert "s3cret" not in said


def test_a_list_that_is_not_json_is_refused(monkeypatch):
    monkeypatch.setenv("LAB_DEVICES", "cuda:0")
    assert refused() == 'LAB_DEVICES: a list is written as JSON, such as ["cpu"]; mend it.'


def test_settings_that_do_not_fit_together_are_refused(monkeypatch):
    monkeypatch.setenv("LAB_LEASE_SECONDS", "5")
    assert "lease_seconds (5) must be at least three times heartbeat_seconds (2)" in refused()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"tries = \n", "this is not valid TOML (Invalid value (at line 1, column 9)); mend that line."),
        (b"base = '\xff'", "this is not valid TOML ('utf-8' codec can't decode"),
        (b"[tries]", "a whole number is needed here"),
    ],
)
def test_a_file_that_cannot_be_read_names_its_line(home, content, says):
    (home / "settings.toml").write_bytes(content)
    said = refused()
    assert says in said
    assert f"{home}/settings.toml" in said


def test_a_folder_in_the_place_of_the_file_is_refused(home):
    (home / "settings.toml").mkdir()
    assert refused() == f"{home}/settings.toml: this file cannot be read (Is a directory); mend that."


def test_a_named_file_that_is_not_there_is_refused(home, monkeypatch):
    monkeypatch.setenv("LAB_SETTINGS", str(home / "gone.toml"))
    assert refused() == f"LAB_SETTINGS: there is no file {home}/gone.toml; name one that exists or unset the variable."


# ---------------------------------------------------------------- the file that comes with the lab


def test_the_file_that_comes_along_shows_every_key_with_its_default():
    text = (ROOT / "settings.toml").read_text("utf-8")
    assert tomllib.loads(text) == {}, "nothing is set in it"
    shown = tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE))
    assert set(shown) == set(Settings.model_fields)
    defaults = Settings.model_construct()
    for key in set(shown) - {"artifacts", "cache"}:  # folders are shown as a user would write them
        assert shown[key] == getattr(defaults, key)


def test_every_key_is_documented():
    assert all(field.description for field in Settings.model_fields.values())


# ---------------------------------------------------------------- passwords


@pytest.mark.parametrize(
    ("content", "mode", "exposed"),
    [
        ('redis_url = "redis://:s3cret@queue"', 0o644, True),
        ('redis_url = "redis://:s3cret@queue"', 0o640, True),
        ('redis_url = "redis://:s3cret@queue"', 0o600, False),
        ('database_url = "postgresql://lab@db/lab?password=s3cret"', 0o644, True),
        ('database_url = "postgresql://lab:s3cret@d℀b/lab"', 0o644, True),  # in force is the variable, not this
        ('redis_url = "redis://queue"', 0o644, False),
        ('base = "tiny"', 0o644, False),
        (None, 0, False),
    ],
)
def test_a_password_that_others_can_read_is_noticed(home, monkeypatch, content, mode, exposed):
    monkeypatch.setenv("LAB_DATABASE_URL", "")
    file = home / "settings.toml"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    assert exposed_file() == (file if exposed else None)
    assert (f"others can read {file}, which holds a password; chmod 600 it" in _settings()) is exposed


@pytest.mark.parametrize(
    "url", ["postgresql://lab:s3@s3cret@db/lab", "postgresql://lab:s3/s3cret@db/x", "postgresql://lab:s3#s3cret@db/x"]
)
def test_a_password_that_libraries_would_read_in_two_ways_is_refused_without_telling_it(monkeypatch, url):
    monkeypatch.setenv("LAB_DATABASE_URL", url)
    said = refused()
    assert "within a password write @ : / ? # as %40 %3A %2F %3F %23" in said
    assert "s3cret" not in said
