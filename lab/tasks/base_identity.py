"""Which base model a study means: a folder by what lies in it, a hub or offline name by itself. Light to import."""

from __future__ import annotations

import hashlib

from lab.paths import folder_at

_ENDS = 1 << 20  # bytes read at either end of a weights file: weights differ everywhere or nowhere


def located(base: str) -> str:
    """A folder's absolute path, since workers run elsewhere; any other name as it is."""
    folder = folder_at(base)
    return base if folder is None else str(folder.resolve())


def fingerprint(base: str) -> str:
    """SHA-256 (hex) over a model folder's files, of large ones both ends; "" for a name that is no folder."""
    folder = folder_at(base)
    if folder is None:
        return ""
    sha = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("*.jinja")]):
        size = path.stat().st_size
        sha.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            sha.update(file.read(_ENDS))
            if size > _ENDS:
                file.seek(max(_ENDS, size - _ENDS))
                sha.update(file.read(_ENDS))
    return sha.hexdigest()
