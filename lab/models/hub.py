"""A model's folder from the Hugging Face hub, or quickly from its cache when the hub is out of reach."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from huggingface_hub import constants, get_session, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from lab.errors import LabError
from lab.models.foreign import INDEX, WEIGHTS, shard_names

# Weights only as safetensors: pickled ones can run code when they are read.
_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
_PROBE_SECONDS = 4.0


def hub_folder(name: str) -> Path:
    """Return the local folder of the hub's model `name`, downloading it if the cache does not have it.

    A cached model is used as it is, without asking the hub: all jobs of a study must see the same weights.
    Raises LabError if there is no such model, or if it is not cached and the hub cannot be reached.
    """
    try:
        folder = _cached(name)
        if folder is not None:
            return folder
        if not hub_reachable():
            raise LabError(
                f"The model {name} is not in the local cache and the model hub cannot be reached; "
                "connect to it, give a local folder, or use smollm2-135m, which needs no hub."
            )
        folder = Path(snapshot_download(name, allow_patterns=_FILES, ignore_patterns=["*/*"]))
    except HFValidationError:
        raise LabError(
            f"{name!r} is neither a folder nor a model name; a name looks like Qwen/Qwen2.5-0.5B-Instruct."
        ) from None
    except HfHubHTTPError as error:
        raise LabError(_refusal(name, error)) from None
    if not _complete(folder):
        raise LabError(f"The model {name} has no safetensors weights on the hub; choose one that does.")
    return folder


def hub_reachable(seconds: float = _PROBE_SECONDS) -> bool:
    """Whether the hub answers within `seconds`; the hub's own client would retry for half a minute."""
    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[int] = []

    def probe() -> None:
        try:
            answers.append(get_session().head(constants.ENDPOINT, timeout=seconds).status_code)
        except Exception:  # whatever goes wrong here, the answer is no
            return

    # A thread, because name resolution heeds no timeout.
    thread = Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def _cached(name: str) -> Path | None:
    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if _complete(folder) else None


def _complete(folder: Path) -> bool:
    """Whether the folder has a config and every file of its weights."""
    if not (folder / "config.json").is_file():
        return False
    index = folder / INDEX
    if not index.is_file():
        return (folder / WEIGHTS).is_file()
    return all((folder / shard).is_file() for shard in shard_names(index, folder.name))


def _refusal(name: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code if error.response is not None else None
    if status in (401, 403, 404):
        return (
            f"The model hub has no model {name}, or it is private or gated; check the name, "
            "or log in with `hf auth login`."
        )
    return f"The model hub could not give {name} (HTTP status {status}); try again later."
