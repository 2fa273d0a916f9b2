"""The fault suite: real workers, real queue, real databases, hurt in every way that is known. `docs/faults.md`."""
