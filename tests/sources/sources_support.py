"""What tests of the configuration share."""

from __future__ import annotations

from collections.abc import Callable

KEY = "llx-0123456789abcdef"

Configure = Callable[..., None]
"""Writes a text into a configuration file, `config.toml` or another."""
