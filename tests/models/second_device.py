"""A GPU for machines that have none: tensors that say they are on `cuda:0`, and are computed on the CPU.

Values are real ones; what CUDA would refuse is refused: an operation over tensors of two devices, an index that lies
on the GPU for a tensor that does not, a GPU tensor as a numpy array. So it shows whether code keeps its tensors where
they belong. It shows nothing of CUDA's kernels, memory or speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_any, tree_leaves, tree_map_only

CUDA, CPU = torch.device("cuda:0"), torch.device("cpu")

# CUDA takes values and indices from the CPU here, and moves them itself.
_TAKE_FROM_CPU = {"copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_"}
# Written in C++ over the device that a tensor has there: these make their result on the CPU, if not told better.
_MADE_BY_CPP = {"pad_sequence", "new_tensor"}


class OnCuda(Tensor):
    """A tensor on `cuda:0`; `values` is what it would hold."""

    values: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> OnCuda:
        with torch.inference_mode(False):  # which no tensor of a class of its own can be made in
            made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
                cls,
                values.size(),
                strides=values.stride(),
                storage_offset=values.storage_offset(),
                dtype=values.dtype,
                device=CPU,  # autograd asks the true device for its streams
            )
        made.values = values
        return made

    device = property(lambda _: CUDA)  # type: ignore[assignment]
    is_cuda = property(lambda _: True)  # type: ignore[assignment]
    is_cpu = property(lambda _: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self, **_: object) -> str:
        return f"OnCuda({self.values})"

    def tolist(self) -> Any:
        return self.values.tolist()

    def numpy(self, **_: object) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    __array__ = numpy

    @classmethod
    def __torch_dispatch__(cls, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = func._schema.name.removeprefix("aten::")
        _refuse_two_devices(name, args, kwargs)
        to_cpu = name == "_to_copy" and kwargs.get("device") == CPU
        if kwargs.get("device") is not None:
            kwargs["device"] = CPU
        out = func(*tree_map_only(OnCuda, _values, args), **tree_map_only(OnCuda, _values, kwargs))
        written = [arg for arg, told in zip(args, func._schema.arguments, strict=False) if _is_written(told)]
        if written and isinstance(out, Tensor):
            return written[0]  # in place: the same tensor, not another one over its values
        return out if to_cpu else tree_map_only(Tensor, OnCuda, out)


def _values(tensor: OnCuda) -> Tensor:
    return tensor.values


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _refuse_two_devices(name: str, args: Any, kwargs: Any) -> None:
    if name in _TAKE_FROM_CPU:
        if name.startswith(("index", "_index")) and not isinstance(args[0], OnCuda):
            raise RuntimeError(f"{name}: indices should be either on cpu or on the same device as the indexed tensor")
        return
    for each in tree_leaves((args, kwargs)):
        if isinstance(each, Tensor) and not isinstance(each, OnCuda) and each.dim() > 0:
            shape = tuple(each.shape)
            raise RuntimeError(f"{name}: expected all tensors on the same device, but found cuda:0 and cpu {shape}")


class _ToCuda(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return OnCuda(x.detach().clone())

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad.values if isinstance(grad, OnCuda) else grad


class _ToCpu(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: OnCuda) -> Tensor:
        return x.values.clone()

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return OnCuda(grad)


class _Calls(TorchFunctionMode):
    """Calls of torch's functions that name a device, which are answered before torch looks for a driver."""

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in ("to", "cpu", "cuda"):
            wanted = {"to": kwargs.pop("device", None), "cpu": CPU, "cuda": CUDA}[name]
            return _moved(args[0], wanted, args[1:], kwargs)
        on_cuda = tree_any(lambda leaf: isinstance(leaf, OnCuda), args)
        if on_cuda and name in _MADE_BY_CPP:
            kwargs.pop("device", None)
            return _ToCuda.apply(func(*tree_map_only(OnCuda, _ToCpu.apply, args), **kwargs))
        if not on_cuda and _is_cuda(kwargs.get("device")):
            made = func(*args, **kwargs | {"device": CPU})
            return OnCuda(made.detach()).requires_grad_(made.requires_grad)
        if on_cuda and kwargs.get("device") is not None:
            kwargs["device"] = CPU  # as it is for torch
        return func(*args, **kwargs)


def _moved(x: Tensor, device: Any, others: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """`Tensor.to` in all its forms."""
    dtype = kwargs.pop("dtype", None)
    for other in others:
        if isinstance(other, Tensor):
            device, dtype = other.device, other.dtype
        elif isinstance(other, torch.dtype):
            dtype = other
        elif isinstance(other, str | torch.device):
            device = other
    if device is not None and _is_cuda(device) != isinstance(x, OnCuda):
        x = _ToCuda.apply(x) if _is_cuda(device) else _ToCpu.apply(x)
    elif dtype is None:
        return x.clone() if kwargs.get("copy") else x
    return x if dtype is None else x.to(dtype)


def _is_cuda(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def move(model: nn.Module) -> None:
    """What `model.to("cuda")` does; weights that are tied stay tied."""
    moved: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                there = moved.setdefault(id(weight), nn.Parameter(OnCuda(weight.detach()), weight.requires_grad))
                module._parameters[name] = there
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = OnCuda(buffer)


@contextmanager
def second_device(setattr_: Callable[..., None]) -> Iterator[torch.device]:
    """Such a GPU, with memory enough, while the context lasts; `setattr_` is that of pytest's `monkeypatch`."""

    def to(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
        if not any(_is_cuda(arg) for arg in (*args, kwargs.get("device")) if isinstance(arg, str | torch.device)):
            return own_to(module, *args, **kwargs)
        move(module)
        return module

    own_to = nn.Module.to
    setattr_(nn.Module, "to", to)
    for name, found in {
        "device_count": lambda: 1,
        "mem_get_info": lambda _: (2**35, 2**36),
        "memory_reserved": lambda _: 0,
        "memory_allocated": lambda _: 0,
        "get_device_capability": lambda _: (9, 0),
    }.items():
        setattr_(torch.cuda, name, found)
    with _Calls():
        yield CUDA
