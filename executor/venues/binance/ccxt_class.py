"""One exchange of ccxt without the hundred others.

``import ccxt`` loads every exchange that it knows, in both of its kinds: twice the time and the
memory of the one that is wanted, at each start of an executor. Here both packages are first
imported as shells: their modules are found as always, their ``__init__`` does not run. Afterwards
the shells are taken out again, so whoever imports ccxt itself gets the whole of it, with the same
classes. Where a future ccxt needs more of itself, it is imported whole.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

log = logging.getLogger(__name__)

PACKAGES = ("ccxt", "ccxt.async_support")


def ccxt_class(name: str) -> type[Any]:
    """The class of an exchange, for asyncio; ``name`` is ccxt's own."""
    module = f"ccxt.async_support.{name}"
    if module not in sys.modules and "ccxt" not in sys.modules:
        try:
            _import_alone(module)
        except Exception as error:
            # Whatever a module of ccxt does while it is imported, the whole of it can be tried.
            log.debug("ccxt is imported whole: %s", error)
    found: type[Any] = getattr(import_module(module), name)
    return found


def _import_alone(module: str) -> None:
    try:
        for package in PACKAGES:
            spec = find_spec(package)
            if spec is None:
                raise ImportError(f"{package} is not installed")
            sys.modules[package] = module_from_spec(spec)
            if package == "ccxt":
                _fill(vars(sys.modules[package]))
        import_module(module)
    finally:
        for package in PACKAGES:
            sys.modules.pop(package, None)


def _fill(shell: dict[str, Any]) -> None:
    """Add what ccxt's modules import from the package itself."""
    from ccxt.base import errors
    from ccxt.base.exchange import Exchange

    shell |= {name: kind for name, kind in vars(errors).items() if not name.startswith("_")}
    shell["Exchange"] = Exchange
