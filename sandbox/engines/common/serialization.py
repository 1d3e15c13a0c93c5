"""The state of an exchange as JSON text: plain values and dataclasses of this package only.

An object that is referenced twice stays one object. Reading a text runs no code of its choice: a
class must be a dataclass of ``sandbox`` that is already imported, and its fields are set directly.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import defaultdict
from decimal import Decimal
from enum import Enum
from typing import Any

from trading.errors import DataError

PACKAGE = "sandbox."


def freeze(value: object) -> bytes:
    """Write ``value`` as UTF-8 JSON."""
    writer = _Writer()
    root = writer.encode(value)
    return json.dumps({"root": root, "objects": writer.objects}, separators=(",", ":")).encode()


def thaw(text: bytes) -> Any:
    """Read a frozen value; ``DataError`` when the text is something else."""
    try:
        document = json.loads(text)
        return _Reader(document["objects"]).decode(document["root"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"not a state of the sandbox: {error!r}") from error


class _Writer:
    def __init__(self) -> None:
        self.objects: list[list[Any]] = []
        self._places: dict[int, int] = {}
        self._alive: list[object] = []  # an id is unique only while its object lives

    def encode(self, value: object) -> Any:
        if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
            return value
        if isinstance(value, Enum):
            return {"e": [_name(type(value)), self.encode(value.value)]}
        if isinstance(value, float):
            return {"f": value.hex()}
        if isinstance(value, Decimal):
            return {"d": str(value)}
        if isinstance(value, defaultdict):
            return {"z": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        if isinstance(value, dict):
            return {"m": [[self.encode(k), self.encode(v)] for k, v in value.items()]}
        for tag, kind in (("l", list), ("t", tuple), ("s", set)):
            if isinstance(value, kind):
                return {tag: [self.encode(item) for item in value]}
        if dataclasses.is_dataclass(value):
            return {"o": self._place(value)}
        raise TypeError(f"{type(value).__qualname__} cannot be saved in the state")

    def _place(self, value: Any) -> int:
        if id(value) not in self._places:
            self._places[id(value)] = place = len(self.objects)
            self._alive.append(value)
            self.objects.append([])
            fields = {
                f.name: self.encode(getattr(value, f.name)) for f in dataclasses.fields(value)
            }
            self.objects[place] = [_name(type(value)), fields]
        return self._places[id(value)]


class _Reader:
    def __init__(self, objects: list[list[Any]]) -> None:
        self._objects = objects
        self._made: dict[int, Any] = {}

    def decode(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((tag, content),) = value.items()
        match tag:
            case "f":
                return float.fromhex(content)
            case "d":
                return Decimal(content)
            case "e":
                return _class(content[0])(self.decode(content[1]))
            case "m":
                return {self.decode(k): self.decode(v) for k, v in content}
            case "z":  # sums of money start at 0
                pairs = {self.decode(k): self.decode(v) for k, v in content}
                return defaultdict(Decimal, pairs)
            case "o":
                return self._object(content)
        kind = {"l": list, "t": tuple, "s": set}[tag]
        return kind(self.decode(item) for item in content)

    def _object(self, place: int) -> Any:
        if place not in self._made:
            name, fields = self._objects[place]
            kind = _class(name)
            self._made[place] = made = kind.__new__(kind)
            for field in dataclasses.fields(kind):
                object.__setattr__(made, field.name, self.decode(fields[field.name]))
        return self._made[place]


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class(name: str) -> Any:
    module, _, qualname = name.partition(":")
    found = getattr(sys.modules[module], qualname) if module.startswith(PACKAGE) else None
    if not isinstance(found, type) or not (
        dataclasses.is_dataclass(found) or issubclass(found, Enum)
    ):
        raise ValueError(f"{name} is not part of the state")
    return found
