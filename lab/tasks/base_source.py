"""Whether a base model can be had here, found out in seconds and without loading anything. Light to import."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from lab.errors import LabError
from lab.paths import folder_at
from lab.settings import load_settings

OFFLINE = ("smollm2-135m",)  # come from the Python package index, not from the hub
_SECONDS = 2.0


class HubError(LabError):
    """Whether the hub has a model cannot be told from here."""


def doubt_of(base: str) -> str:
    """What there is to warn of before work is queued on this base model; nothing if it can be had here.

    Raises:
        LabError: nobody can have it.
    """
    settings = load_settings()
    try:
        source_of(base, settings.cache)
    except LabError as why:
        if isinstance(why, HubError) or settings.redis_url:  # workers elsewhere may have it
            return str(why)
        raise
    return ""


def source_of(base: str, cache: Path) -> str:
    """Where the base model is, or will come from.

    Raises:
        LabError: it cannot be had.
    """
    if base in OFFLINE:
        there = (cache / "models" / base).is_dir()
        return f"in {cache}" if there else "comes from the Python package index on first use"
    folder = folder_at(base)
    if folder is not None:
        if not (folder / "config.json").is_file():
            raise LabError(f"{base}: this folder holds no model, for it has no config.json; name another base.")
        return "a folder here"
    if base.startswith((".", "/", "~")):
        raise LabError(f"{base}: there is no such model folder; correct the base.")
    if _cached(base):
        return "in the hub's cache"
    status = _ask_hub(base)
    if status is None or status >= 500:
        raise HubError(
            f"{base} is not in the hub's cache and the hub does not answer; connect to it, or set 'base' in "
            f"settings.toml (or --base of a run) to a model folder or to {OFFLINE[0]}, which needs no hub."
        )
    if status >= 400:
        raise LabError(f"{base}: the hub does not give it (HTTP status {status}); check the name, or `hf auth login`.")
    return "not here yet; the hub gives it on first use"


def _cached(name: str) -> bool:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        return False
    except HFValidationError:
        raise LabError(f"{name!r} is neither a folder nor a model name such as Qwen/Qwen2.5-0.5B-Instruct.") from None
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _ask_hub(name: str) -> int | None:
    """The HTTP status of the model's page, None if the hub does not answer in time."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return None
    answers: list[int] = []

    def ask() -> None:
        try:
            answers.append(get_session().head(f"{constants.ENDPOINT}/api/models/{name}", timeout=_SECONDS).status_code)
        except Exception:  # whatever goes wrong here, the hub did not answer
            return

    # A thread, because name resolution heeds no timeout.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return answers[0] if answers else None
