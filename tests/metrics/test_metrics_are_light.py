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


def test_comparing_without_ranks_needs_nothing_of_scipys_statistics() -> None:
    program = (
        "import sys\nfrom lab.metrics.paired import against\n"
        "runs = {'unified': {0: {'a': 1.0, 'b': 2.0, 'c': 2.5}}, 'hybrid': {0: {'a': 1.5, 'b': 2.1, 'c': 2.4}}}\n"
        "(one,) = against(runs, 'unified', ranks=False)\n"
        "print(0 < one.p_holm < 1, 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
