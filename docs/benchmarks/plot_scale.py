"""Draw `scale.png` from a result of `lab bench scale --json`; needs matplotlib (`pip install matplotlib`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

HERE = Path(__file__).parent
MIB = 1 << 20


def line(axes: Axes, personas: list[int], values: list[float], title: str, unit: str) -> None:
    """One quantity over the number of personas, beside a line in proportion to the second measurement."""
    axes.loglog(personas, values, "o-", label="measured")
    axes.loglog(personas, [values[1] * one / personas[1] for one in personas], ":", color="grey", label="in proportion")
    axes.set(title=title, xlabel="personas", ylabel=unit)
    axes.legend()
    axes.grid(visible=True, which="major", alpha=0.3)


def main(result: Path) -> None:
    """Time, memory and disk, side by side."""
    sides = json.loads(result.read_text())["sides"]
    personas = [int(name.split()[0].replace(",", "")) for name in sides]
    figure, (time, memory, disk) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    line(time, personas, [side["median_seconds"] for side in sides.values()], "time", "seconds")
    line(memory, personas, [side["peak_bytes"] / MIB for side in sides.values()], "peak memory beyond the base", "MiB")
    line(disk, personas, [side["written_bytes"] / MIB for side in sides.values()], "adapters on disk", "MiB")
    figure.savefig(HERE / "scale.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
