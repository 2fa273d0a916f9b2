"""The terminal imports the metrics: nothing heavy may come with them."""

from __future__ import annotations

import subprocess
import sys

MODULES = ["actions", "aggregate", "curves", "intervals", "paired", "selection", "similarity", "statistics", "turns"]


def test_importing_every_metric_imports_no_heavy_library() -> None:
    program = "import sys\n" + "".join(f"import lab.metrics.{name}\n" for name in MODULES)
    program += "print([name for name in ('scipy', 'sklearn', 'torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
