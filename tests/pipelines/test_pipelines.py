"""Every script and every function in `pipelines/` is run against the emulator."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from conftest import ROOT

if TYPE_CHECKING:
    from conftest import Scripts

PROVIDERS = ("llamacloud", "contextual", "unsiloed")
SCRIPTS = sorted(path.stem for path in (ROOT / "pipelines").glob("*_pipeline.py"))
