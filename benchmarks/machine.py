"""The machine and the versions that a run's figures belong to."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

_PACKAGES: Final = ("dlt", "duckdb", "httpx", "msgspec", "pandas", "pyarrow", "pydantic")


def describe() -> dict[str, Any]:
    """Cores, processor, memory, system, versions, and how busy the machine was."""
    # not every system has these
    affinity = getattr(os, "sched_getaffinity", None)
    load_average = getattr(os, "getloadavg", None)
    return {
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "processor": _processor(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "load_average": round(load_average()[0], 1) if load_average else None,
    }


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    text = information.read_text() if information.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
