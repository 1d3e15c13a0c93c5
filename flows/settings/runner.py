"""Settings of where the steps run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RunnerSettings(BaseModel):
    """Where steps run; ``address`` is that of a Dask scheduler, empty for workers here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["threads", "processes", "dask"] = "threads"
    address: str = Field(default="", pattern=r"^$|^(tcp|tls|ucx|wss?)://.+:\d+$")
