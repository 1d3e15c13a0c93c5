"""The mark of a kernel: a scalar function that runs as plain Python and, compiled, over columns.

The executor calls kernels as they are; ``trading.jit.compiler`` builds a compiled twin from the
same code object for the batch side. Both give the same bits as long as a kernel

- raises nothing to a power, and calls neither ``sum`` nor ``math.exp`` nor ``math.log`` (their last
  bits differ);
- only indexes its buffers (lists in plain Python, ``float64`` arrays when compiled);
- refers to other kernels by their bare name, so that a twin calls twins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

Buffer = list[float]
"""State of a kernel: a list in plain Python, a one-dimensional ``float64`` array when compiled."""

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__nocturne_kernel__"
_APART = "__nocturne_apart__"


def kernel(function: Function) -> Function:
    """Mark ``function`` as a kernel and return it unchanged."""
    setattr(function, _MARK, True)
    return function


def apart(function: Function) -> Function:
    """Mark a large kernel: compiled, it is called, while others are copied into their callers.

    It costs a call at run time and compiles many times faster.
    """
    setattr(function, _APART, True)
    return kernel(function)


def is_apart(value: object) -> bool:
    """Whether ``value`` was marked by :func:`apart`."""
    return getattr(value, _APART, False) is True


def is_kernel(value: object) -> bool:
    """Whether ``value`` was marked by :func:`kernel`."""
    return getattr(value, _MARK, False) is True


Callee = Callable[..., Any]
Bindings = tuple[tuple[str, Callee], ...]


class Rebuilder:
    """Copies of kernels from the same code objects; their callees are copies as well.

    ``wrap`` turns each copy into what is called: itself, or its compiled form. There is one copy
    for each set of bindings that it depends on. A copy that depends on a binding carries the
    ``label`` of the bound functions in its name, so that a cache on disk keeps them apart.
    """

    def __init__(self, wrap: Callable[[Callee], Callee], label: Callable[[Callee], str]) -> None:
        self._wrap = wrap
        self._label = label
        self._done: dict[tuple[Callee, Bindings], Callee] = {}

    def copy(self, function: Callee, bindings: Bindings = ()) -> Callee:
        """Return the copy of ``function`` in which each bound name refers to the kernel given."""
        used = _used(function, bindings)
        key = (function, used)
        if key not in self._done:
            self._done[key] = self._wrap(self.outer(function, used))
        return self._done[key]

    def outer(self, function: Callee, bindings: Bindings = ()) -> Callee:
        """Return the copy as in :meth:`copy`, but with only its callees wrapped."""
        bindings = _used(function, bindings)
        if not isinstance(function, FunctionType) or not is_kernel(function):
            raise TypeError(f"{function!r} is not a kernel; mark it with @kernel")
        scope = dict(function.__globals__)
        bound = dict(bindings)
        for name in function.__code__.co_names:
            if name in bound:
                scope[name] = self.copy(bound[name])
            elif is_kernel(scope.get(name)):
                scope[name] = self.copy(scope[name], bindings)
        made = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
        labels = [self._label(value) for _, value in bindings]
        made.__qualname__ = "__".join([function.__qualname__, *labels])
        made.__module__ = function.__module__
        return apart(made) if is_apart(function) else kernel(made)


def _used(function: Callee, bindings: Bindings) -> Bindings:
    names = _globals_used(function)
    return tuple(pair for pair in bindings if pair[0] in names)


@cache
def _globals_used(function: Callee) -> frozenset[str]:
    """Global names that a kernel, or a kernel that it calls, refers to."""
    if not isinstance(function, FunctionType):
        return frozenset()
    names = set(function.__code__.co_names)
    for name in function.__code__.co_names:
        callee = function.__globals__.get(name)
        if is_kernel(callee):
            names |= _globals_used(callee)
    return frozenset(names)


def bind(function: Callee, **bindings: Callee) -> Callee:
    """Return a plain copy of a kernel in which the named globals refer to the given kernels."""
    return _PLAIN.copy(function, tuple(sorted(bindings.items())))


_PLAIN = Rebuilder(lambda copy: copy, lambda bound: bound.__name__)
