"""All that a job left in its artifact, in a form to compare with what another one left."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from lab.tasks.manifest import CHECKPOINT_FOLDER, MANIFEST_FILE


def left_behind(folder: Path) -> dict[str, str]:
    """Every file of an artifact → its sha256; a recipe book without the numbers of jobs and attempts."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if name.parts[0] != CHECKPOINT_FOLDER and name.name != MANIFEST_FILE:
            content = path.read_bytes()
            if name.name == "recipes.json":
                content = re.sub(rb'"folder": "\d+/\d+', b'"folder": "JOB/ATTEMPT', content)
            found[name.as_posix()] = hashlib.sha256(content).hexdigest()
    return found
