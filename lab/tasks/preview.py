"""What a study would run, with an estimate of time and disk, before anything is queued. Light to import."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from lab.db.rates import Measured, measured
from lab.methods.counts import count
from lab.methods.estimate import Estimate, estimate, learned_weights
from lab.methods.rates import Place, Rates, kind_of_device
from lab.methods.work import works
from lab.settings import load_settings
from lab.tasks.base_config import base_shape
from lab.tasks.devices import live_devices
from lab.tasks.submit import Prepared


@dataclass(frozen=True, slots=True)
class Preview:
    """A planned study, what it costs on these devices, and the bytes that are free for it."""

    prepared: Prepared
    estimate: Estimate
    devices: tuple[str, ...]
    free: int


def preview(prepared: Prepared) -> Preview:
    """Estimate a study that is planned."""
    devices = live_devices()
    base, ran = prepared.spec.base, measured([job.kind for job in prepared.jobs])
    shape = base_shape(base)
    place = Place(base, shape.parameters if shape else None, kind_of_device(devices[0]))
    counts = count(prepared.data, prepared.split)
    work = works(prepared.jobs, counts, shape, learned_weights(ran))
    rates = Rates(ran, place, _weights(ran))
    found = estimate(prepared.jobs, work, rates, prepared.reused, len(devices))
    return Preview(prepared, found, devices, shutil.disk_usage(load_settings().artifacts).free)


def _weights(ran: Sequence[Measured]) -> dict[str, float]:
    """Numbers of weights of the base models that jobs ran on."""
    shapes = {base: base_shape(base) for base in {one.spec.get("base", "") for one in ran} if base}
    return {base: shape.parameters for base, shape in shapes.items() if shape}
