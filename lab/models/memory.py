"""How many tokens may share one forward and backward pass, and how running out of memory shows."""

from __future__ import annotations

import psutil
import torch
from transformers import PreTrainedModel

from lab.errors import LabError

_FASTEST = {"cpu": 1024, "cuda": 65536}  # a longer wave costs memory; on a CPU it also leaves the caches
_SERVED = {"cpu": 2**13, "cuda": 2**18}  # a CPU reads its share in a few seconds
_SHARE = 0.6  # of what is free, for activations


def tokens_at_once(model: PreTrainedModel) -> int:
    """Tokens of a training wave that fit into the device's free memory, by an estimate on the high side.

    Per layer and token a frozen decoder keeps about 16 vectors of the hidden width (norms in float32, queries,
    keys, values, residuals, the low-rank inputs) and 5 of the inner width for the backward pass.
    """
    config = model.config.get_text_config()
    width = config.hidden_size
    inner = getattr(config, "intermediate_size", None) or 4 * width
    size = torch.finfo(model.dtype).bits // 8
    per_token: int = config.num_hidden_layers * (16 * width + 5 * inner) * size
    return max(1, min(_FASTEST.get(model.device.type, 8192), int(_free(model.device) * _SHARE) // per_token))


def tokens_served(model: PreTrainedModel) -> int:
    """Tokens (rows × (prompt + answer)) that may be served at once, by an estimate on the high side.

    Each leaves keys and values in every layer. While they are read, one layer at a time needs about 8 vectors
    of the hidden width and 3 of the inner width for each.
    """
    config = model.config.get_text_config()
    width, heads = config.hidden_size, config.num_attention_heads
    inner = getattr(config, "intermediate_size", None) or 4 * width
    size = getattr(config, "head_dim", None) or width // heads
    kept = 2 * (getattr(config, "num_key_value_heads", None) or heads) * size
    # Twice what is kept: room at the end of the cache, and a copy whenever it is laid out anew.
    numbers = 2 * config.num_hidden_layers * kept + 8 * width + 3 * inner
    per_token: int = numbers * torch.finfo(model.dtype).bits // 8
    return max(1, min(_SERVED.get(model.device.type, 2**13), int(_free(model.device) * _SHARE) // per_token))


def halved(tokens: int, device: torch.device, rows: int) -> int:
    """Half the tokens that were too many at once; `LabError` if they were those of one row."""
    if rows == 1:
        raise LabError(f"One row of {tokens} tokens does not fit into the free memory of {device}; free some memory.")
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return tokens // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or this machine had no memory left for what was asked."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)
    )


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + reusable
    return int(psutil.virtual_memory().available)
