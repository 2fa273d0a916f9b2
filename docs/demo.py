"""`make demo`: from nothing to a table of three methods, through the real queue, worker and database."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

LAB = [sys.executable, "-c", "from lab.cli import main; main()"]
DATA = Path("artifacts/demo-data")


def say(step: str) -> None:
    """A heading."""
    print(f"\n\033[1m— {step}\033[0m", flush=True)


def lab(*arguments: str) -> None:
    """Run a lab command; its failure is ours."""
    done = subprocess.run([*LAB, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Generate, train, evaluate, print, explain."""
    began = time.monotonic()
    if not DATA.exists():
        say("data: 5 personas with 15 dialogues each, generated from seed 0")
        lab("data", "generate", str(DATA), "--personas", "5", "--dialogues", "15", "--seed", "0")
    say("study: base, unified LoRA and one LoRA per persona on SmolLM2-135M-Instruct")
    lab(
        *("run", "--name", "demo", "--data", str(DATA), "--base", "smollm2-135m"),
        *("--methods", "base,unified,persona", "--watch"),
    )
    say(f"done in {time.monotonic() - began:.0f} s. What now?")
    print(
        "  .venv/bin/lab                                the screen: jobs, results, chat\n"
        "  .venv/bin/lab chat demo --method persona     talk to a persona's own model\n"
        "  .venv/bin/lab results demo --json            every metric\n"
        "  .venv/bin/lab down                           stop the worker"
    )


if __name__ == "__main__":
    main()
