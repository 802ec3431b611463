"""Who may load beside whom."""

from __future__ import annotations

from typing import Literal

LockKind = Literal["advisory", "file", "lease", "none"]
"""The lock that keeps other machines out of a pipeline: see `locks.destination`."""
