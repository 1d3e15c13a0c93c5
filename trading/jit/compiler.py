"""The compiled backend: kernels compiled by numba and cached on disk.

Importing this module imports numba; the executor never does. :func:`twin` compiles a copy and
leaves the plain function as it is, so one process can run both. numba's own cache does not notice
an edited callee in another file, so the cache lies in a folder named after a hash of every source
file of ``trading``, numba's version and the processor. See ``README.md`` in this folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, cast

from trading.errors import KernelError
from trading.jit.compile_errors import explain
from trading.jit.kernel import Rebuilder, is_apart
from trading.jit.numba_linking import CalleeCompiler, KernelCompiler
from trading.jit.numba_loading import stored

# isort: split
# numba is loaded above, without the parts that no kernel needs.
import numba
from numba.core import config, errors, types
from numba.core.registry import cpu_target

SOURCE_ROOT = Path(__file__).parents[1]
CACHE_VARIABLE = "NOCTURNE_CACHE"
FOLDER_PREFIX = "numba-"
KEPT_UNUSED_S = 30 * 86_400
"""For how long compiled code stays that no process uses."""
WITHOUT_KERNELS = ("models",)
"""Folders of the domain that no kernel comes from or reads: changing them compiles nothing."""


def default_cache_dir() -> Path:
    """``$NOCTURNE_CACHE``, else ``nocturne`` in the user's cache folder."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nocturne"


def source_key(root: Path = SOURCE_ROOT) -> str:
    """Hash of the Python files below ``root``, numba's version and the processor's name.

    What lies in `WITHOUT_KERNELS` stands above every kernel and is no part of it.
    """
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] in WITHOUT_KERNELS:
            continue
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    digest.update(numba.__version__.encode() + b"\0")
    digest.update(_processor().encode())
    return digest.hexdigest()[:24]


def _processor() -> str:
    codegen: Any = cpu_target.target_context.codegen()
    return "/".join(str(part) for part in codegen.magic_tuple())


def enable(cache_dir: Path | None = None) -> Path | None:
    """Keep compiled code below ``cache_dir`` (default: the user's cache folder).

    Returns the folder in use, or None if it cannot be written: then each process compiles again.
    The first process of a new version removes the code of versions that nobody has used for long.
    """
    folder = (cache_dir or default_cache_dir()) / f"{FOLDER_PREFIX}{source_key()}"
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        os.utime(folder)
        if is_new:
            _remove_unused(folder)
    except OSError:
        writable = False
    kept = folder if writable else None
    if kept != _Setting.folder:
        _Setting.folder = kept
        _Setting.twins.clear()
        numba_config: Any = config
        numba_config.CACHE_DIR = str(kept or "")
    return _Setting.folder


def _remove_unused(newest: Path) -> None:
    """Remove the folders beside ``newest`` whose last use is `KEPT_UNUSED_S` older than its own."""
    oldest = newest.stat().st_mtime - KEPT_UNUSED_S
    for folder in newest.parent.glob(f"{FOLDER_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_mtime < oldest:
                # Under another name first: no process may find half of it.
                folder.rename(folder.with_name(f"removed-{folder.name}"))
    for leaving in newest.parent.glob(f"removed-{FOLDER_PREFIX}*"):
        shutil.rmtree(leaving, ignore_errors=True)


def current_folder() -> Path | None:
    """Return the folder given to :func:`enable`, for another process to use; None if off."""
    return _Setting.folder.parent if _Setting.folder is not None else None


def keep(what: str, outermost: Callable[..., Any]) -> None:
    """Leave a mark beside the compiled code: the kernels of ``what`` are there."""
    if (mark := _mark(what, outermost)) is not None:
        with suppress(OSError):
            mark.touch()


def is_kept(what: str, outermost: Callable[..., Any]) -> bool:
    """Whether some process has compiled the kernels of ``what`` into the folder in use."""
    mark = _mark(what, outermost)
    return mark is not None and mark.exists()


def _mark(what: str, outermost: Callable[..., Any]) -> Path | None:
    """Return the file that marks compiled kernels; the kernel's own file is part of its name."""
    if _Setting.folder is None:
        return None
    name = f"{what} {_label(outermost)}"
    return _Setting.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.compiled"


def twin(function: Callable[..., Any], **bindings: Callable[..., Any]) -> Callable[..., Any]:
    """Return the compiled form of a kernel; kernels that it calls are compiled with it.

    Output arrays must not overlap other arrays. ``bindings`` replace global names of the kernel and
    its callees by other kernels.
    """
    key = (function, tuple(sorted(bindings.items())))
    if key not in _Setting.twins:
        plain = _Setting.callees.outer(*key)
        folder = _Setting.folder
        compiled = _njit(plain, pipeline_class=KernelCompiler)
        if folder is not None:
            compiled = stored(compiled)
            _compile_in_one_process(compiled, plain, folder)
        _explain_errors(compiled, function)
        _Setting.twins[key] = compiled
    return _Setting.twins[key]


def _compile_in_one_process(compiled: Any, plain: Callable[..., Any], folder: Path) -> None:
    """Make processes that need a kernel at the same time wait for the first, then load its code.

    Otherwise several workers with an empty cache would each compile the same kernels.
    """
    name = f"{plain.__module__}.{plain.__qualname__}"
    path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"
    load_or_compile = compiled.compile

    def one_at_a_time(signature: object) -> object:
        with _alone(path):
            return load_or_compile(signature)

    compiled.compile = one_at_a_time


def _explain_errors(compiled: Any, function: Callable[..., Any]) -> None:
    """Make what numba refuses in the kernel a `KernelError` of one sentence."""
    compile_for = compiled.compile

    def explained(signature: object) -> object:
        try:
            return compile_for(signature)
        except (errors.NumbaError, errors.UnsupportedBytecodeError) as error:
            raise KernelError(explain(function, error)) from error

    compiled.compile = explained


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock ``path``; go on without it where files cannot be locked."""
    try:
        lock = path.open("ab")
    except OSError:
        yield
        return
    with lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _njit(function: Callable[..., Any], **options: object) -> Any:
    """Compile with Python's errors, without fast mathematics, and without counting references.

    Kernels create no arrays, so there is nothing to count; counting the arrays passed from kernel
    to kernel took nine tenths of the time.
    """
    decorate: Any = numba.njit
    return decorate(nogil=True, error_model="python", _nrt=False, **options)(function)


def _compile_callee(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that only compiled kernels call: no wrapper for calls from Python."""
    inline = not is_apart(function)
    compiled = _njit(
        function,
        pipeline_class=CalleeCompiler,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        forceinline=inline,
    )
    general = compiled.get_call_template
    unliteral: Any = types.unliteral

    def without_literals(args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return general(tuple(unliteral(arg) for arg in args), keywords)

    # numba compiles a callee again for every constant passed to it; once per type is enough.
    compiled.get_call_template = without_literals
    _explain_errors(compiled, function)
    return cast("Callable[..., Any]", compiled)


def _label(function: Callable[..., Any]) -> str:
    """Name of a bound kernel with a hash of its file, which may lie outside ``trading``.

    Then the files beside it count too: a strategy may call kernels of its neighbours.
    """
    path = inspect.getsourcefile(function)
    digest = hashlib.sha256()
    if path:
        file = Path(path)
        ours = file.is_relative_to(SOURCE_ROOT)
        for source in (file,) if ours else sorted({file, *file.parent.glob("*.py")}):
            digest.update(source.read_bytes())
    return f"{function.__name__}_{digest.hexdigest()[:12]}"


class _Setting:
    """Where compiled code is kept (None: only in memory), and the twins made with that setting."""

    folder: Path | None = None
    callees = Rebuilder(_compile_callee, _label)
    twins: ClassVar[dict[Any, Callable[..., Any]]] = {}
