"""The mark of a kernel: a scalar function that runs as plain Python and, compiled, over columns.

The executor calls kernels as they are; ``trading.compiled`` builds a compiled twin from the same code
object for the batch side. Both give the same bits, as long as a kernel

- raises to no power, calls neither ``sum`` nor ``math.exp`` nor ``math.log`` (their last bits differ);
- only indexes its buffers (lists in plain Python, ``float64`` arrays when compiled);
- refers to other kernels by their bare name, so that a twin calls twins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

Buffer = list[float]
"""State of a kernel: a list in plain Python, a one-dimensional ``float64`` array when compiled."""

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__nocturne_kernel__"


def kernel(function: Function) -> Function:
    """Mark ``function`` as a kernel and return it unchanged."""
    setattr(function, _MARK, True)
    return function


def is_kernel(value: object) -> bool:
    """Whether ``value`` was marked by :func:`kernel`."""
    return getattr(value, _MARK, False) is True


def rebuild(
    function: Callable[..., Any],
    bindings: Mapping[str, Callable[..., Any]],
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
    label: str = "",
) -> Callable[..., Any]:
    """A copy of the kernel ``function`` from the same code object, whose callees are copies as well.

    A global name found in ``bindings`` stands for the function given there. ``wrap`` turns each copy
    into what is called (itself, or its compiled form). ``label`` goes into the names of copies that
    depend on a binding, so that a cache on disk keeps them apart.
    """
    return _Rebuild(bindings, wrap, label).copy(function)


class _Rebuild:
    def __init__(
        self,
        bindings: Mapping[str, Callable[..., Any]],
        wrap: Callable[[Callable[..., Any]], Callable[..., Any]],
        label: str,
    ) -> None:
        self._bindings = bindings
        self._wrap = wrap
        self._label = label
        self._done: dict[Callable[..., Any], Callable[..., Any]] = {}

    def copy(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if function not in self._done:
            self._done[function] = self._wrap(self._plain_copy(function))
        return self._done[function]

    def _plain_copy(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if not isinstance(function, FunctionType) or not is_kernel(function):
            raise TypeError(f"{function!r} is not a kernel; mark it with @kernel")
        scope = dict(function.__globals__)
        for name in function.__code__.co_names:
            if name in self._bindings:
                scope[name] = self.copy(self._bindings[name])
            elif is_kernel(scope.get(name)):
                scope[name] = self.copy(scope[name])
        made = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
        made.__qualname__ = function.__qualname__ + self._suffix(function)
        made.__module__ = function.__module__
        setattr(made, _MARK, True)
        return made

    def _suffix(self, function: Callable[..., Any]) -> str:
        return f"__{self._label}" if self._label and self._is_bound(function, set()) else ""

    def _is_bound(self, function: Callable[..., Any], seen: set[Callable[..., Any]]) -> bool:
        if function in seen or not isinstance(function, FunctionType):
            return False
        seen.add(function)
        names = function.__code__.co_names
        if any(name in self._bindings for name in names):
            return True
        callees = (function.__globals__.get(name) for name in names)
        return any(self._is_bound(callee, seen) for callee in callees if is_kernel(callee))


def bind(function: Callable[..., Any], **bindings: Callable[..., Any]) -> Callable[..., Any]:
    """A plain-Python copy of a kernel in which the named globals stand for the given kernels."""
    return rebuild(function, bindings, lambda copy: copy)
