"""Settings: `settings.toml`, then `LAB_*` variables. Every key is here, documented and validated."""

from __future__ import annotations

import difflib
import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from lab.errors import LabError, in_words

_FILE_VARIABLE = "LAB_SETTINGS"
_SECRET = ("database_url", "redis_url", "artifacts_url")  # may hold a password


def _settings_file() -> Path:
    return Path(os.environ.get(_FILE_VARIABLE, "settings.toml")).resolve()


class Settings(BaseSettings):
    """What one lab is made of: where things are, who computes, and how patient it is."""

    model_config = SettingsConfigDict(env_prefix="LAB_", extra="forbid", frozen=True)

    artifacts: Path = Field(
        Path("artifacts"),
        description="Folder for data sets, adapters, predictions, the embedded database and queue.",
    )
    cache: Path = Field(
        Path(platformdirs.user_cache_dir("persona-lab")),
        description="Folder for offline weights; may be shared between labs.",
    )
    database_url: str = Field("", repr=False, description="postgresql://…; empty: SQLite in the artifacts folder.")
    redis_url: str = Field("", repr=False, description="redis:// or rediss://…; empty: an embedded private server.")
    artifacts_url: str = Field(
        "",
        repr=False,
        description="A store that machines with artifacts folders of their own share: sftp://…, s3://…, or the path "
        "of a shared folder; empty: there is none.",
    )
    artifacts_gb: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="How many GB of what the store has too this machine keeps; the least recently used goes. 0: all.",
    )
    store_seconds: float = Field(
        600.0, gt=0, description="How long a job waits for a store out of reach before it fails and is tried again."
    )
    base: str = Field(
        "Qwen/Qwen2.5-0.5B-Instruct",
        description="Base model of a run that names none: a hub name, a path, or smollm2-135m (offline).",
    )
    devices: list[str] = Field(
        default_factory=list,
        description='Devices of the worker, such as ["cuda:0", "cuda:1"]; empty: every GPU, else the CPU.',
    )
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        "auto",
        description="Number format of the base model where a study names none; auto: bfloat16 where that is fast.",
    )
    heartbeat_seconds: float = Field(2.0, gt=0, description="How often a worker says its jobs are alive.")
    lease_seconds: float = Field(
        30.0, gt=0, description="A running job whose heartbeat stands still this long goes to another worker."
    )
    hang_seconds: float = Field(
        900.0, gt=0, description="An executor that reports no progress this long is killed and replaced."
    )
    grace_seconds: float = Field(
        20.0, gt=0, description="How long a cancelled or stopped job may take to write its checkpoint."
    )
    checkpoint_seconds: float = Field(60.0, gt=0, description="How much work a crash may cost at most.")
    retry_seconds: float = Field(5.0, ge=0, description="Pause before a failed job is tried again.")
    tries: int = Field(2, ge=1, le=1000, description="How often a job may fail with an error before it stays FAILED.")
    chat_idle_seconds: float = Field(
        600.0, gt=0, description="The chat model is unloaded after this long without a message."
    )
    keep_days: float = Field(
        30.0,
        ge=0,
        le=36500,
        description="`lab clean` takes chat answers, and the rows of workers that are gone, when they are this old.",
    )
    theme: str = Field(
        "",
        description="Colours of the screen: lab, lab-light, high-contrast, colour-blind, ansi, or one of Textual's; "
        "empty: those chosen last.",
    )
    keys: dict[str, str] = Field(
        default_factory=dict,
        description='Other keys for the screen, as a table [keys] of binding ids: "jobs.cancel" = "x"; ? shows them.',
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over the file; nothing else is read."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _settings_file())

    @field_validator("artifacts", mode="before")
    @classmethod
    def _has_a_name(cls, folder: Any) -> Any:
        """Else it is whatever folder one happens to be in, as where a script's variable is not set."""
        if folder == "":
            raise ValueError("it names no folder; write . for the one that holds settings.toml")
        return folder

    @field_validator("database_url")
    @classmethod
    def _password_ends_where_all_agree(cls, url: str) -> str:
        """Else a library takes the rest of a password for a host, and tells it in an error."""
        try:
            found = urlsplit(url)
            agreed = found.netloc.count("@") <= 1 and found.port != 0 and not found.fragment
        except ValueError:
            agreed = False
        if not agreed and not url.startswith("sqlite"):
            raise ValueError("this is not a URL; within a password write @ : / ? # as %40 %3A %2F %3F %23")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_a_url(cls, url: str) -> str:
        try:
            found = urlsplit(url)
            fits = found.scheme in ("redis", "rediss", "unix") and (found.port is None or found.port > 0)
        except ValueError:
            fits = False
        if url and not fits:
            raise ValueError("this is not a URL that begins with redis:// or rediss:// or unix://")
        return url

    @field_validator("artifacts_url")
    @classmethod
    def _is_a_store(cls, url: str) -> str:
        if url.startswith("~"):
            url = str(Path(url).expanduser())
        try:
            found = urlsplit(url)
            fits = url.startswith("/") or (found.scheme and "://" in url and (found.port is None or found.port > 0))
        except ValueError:
            fits = False
        if url and not fits:
            raise ValueError("this is neither a URL such as sftp://user@host/folder nor an absolute path")
        return url

    @model_validator(mode="after")
    def _a_lease_outlives_a_late_heartbeat(self) -> Self:
        if self.lease_seconds < 3 * self.heartbeat_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds:g}) must be at least three times heartbeat_seconds "
                f"({self.heartbeat_seconds:g}), or workers take each other's jobs"
            )
        return self

    @property
    def sqlite_file(self) -> Path:
        """The database in force where `database_url` names none."""
        return self.artifacts / "lab.db"

    @property
    def database(self) -> str:
        """What names the database in force, and with it the lab: a SQLAlchemy URL, or one of `sqlite_file`.

        What stands in that file's path may mean something else in a URL: to open it, take the path.
        """
        if self.database_url:
            return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        return f"sqlite:///{self.sqlite_file}"


def _unknown(key: str, where: str) -> LabError:
    near = difflib.get_close_matches(key, Settings.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known settings: {', '.join(sorted(Settings.model_fields))}."
    return LabError(f"{where}: there is no setting '{key}'; {hint}")


def _check_names(file: Path) -> None:
    if file.exists():
        try:
            content = tomllib.loads(file.read_text("utf-8"))
        except (ValueError, RecursionError) as error:  # also what is not UTF-8, and numbers without end
            raise LabError(f"{file}: this is not valid TOML ({error}); mend that line.") from None
        except OSError as error:
            raise LabError(f"{file}: this file cannot be read ({error.strerror}); mend that.") from None
        for key in content:
            if key not in Settings.model_fields:
                raise _unknown(key, str(file))
    elif _FILE_VARIABLE in os.environ:
        raise LabError(f"{_FILE_VARIABLE}: there is no file {file}; name one that exists or unset the variable.")
    for name in os.environ:
        key = name.removeprefix("LAB_").lower()
        if name.startswith("LAB_") and name != _FILE_VARIABLE and key not in Settings.model_fields:
            raise _unknown(key, f"environment variable {name}")


def _sentence(error: ValidationError, file: Path) -> LabError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if not key:  # settings that do not fit together
        return LabError(f"settings (in {file} or LAB_* variables): {in_words(first)}.")
    where = f"setting '{key}' (in {file} or LAB_{key.upper()})"
    if key in _SECRET:
        return LabError(f"{where}: {in_words(first)}; mend it or leave it empty.")
    return LabError(f"{where}: {in_words(first)}, but got {first['input']!r}.")


def exposed_file() -> Path | None:
    """The settings file, if it holds a password and other users of this machine can read it."""
    file = _settings_file()
    if not file.is_file() or not file.stat().st_mode & 0o077:
        return None
    content = tomllib.loads(file.read_text("utf-8"))
    urls = [str(content.get(key, "")) for key in _SECRET]
    return file if any(_holds_password(url) for url in urls) else None


def _holds_password(url: str) -> bool:
    """Whether it does, or may: what a variable puts something else in the place of was never checked."""
    try:
        return bool(urlsplit(url).password) or "password=" in url
    except ValueError:  # its text may quote the password
        return "@" in url


def _check_store(settings: Settings) -> None:
    """A store is tidied; in the artifacts folder itself that would be what jobs are just writing."""
    store = Path(settings.artifacts_url.removeprefix("file://"))
    if store.is_absolute() and (
        store.resolve().is_relative_to(settings.artifacts) or settings.artifacts.is_relative_to(store.resolve())
    ):
        raise LabError(
            f"setting 'artifacts_url': {store} and the artifacts folder {settings.artifacts} lie in each other; "
            "choose another, or leave it empty where all machines share one artifacts folder."
        )


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once per process.

    Raises:
        LabError: a key that does not exist, a value that does not fit, or a file that is not TOML.
    """
    file = _settings_file()
    _check_names(file)
    try:
        settings = Settings()
    except ValidationError as error:
        raise _sentence(error, file) from None
    except SettingsError as error:  # a variable that holds no JSON; the field's name stands between quotes
        _, key, *_ = str(error).split('"')
        raise LabError(f'LAB_{key.upper()}: a list is written as JSON, such as ["cpu"]; mend it.') from None
    home = file.parent
    changes: dict[str, Any] = {"artifacts": (home / settings.artifacts.expanduser()).resolve()}
    changes["cache"] = (home / settings.cache.expanduser()).resolve()
    found = settings.model_copy(update=changes)
    _check_store(found)
    return found
