"""httpx without its own command line.

`import httpx` imports its command line as well, wherever click and rich are installed, and dlt
brings both. A sync that finds nothing new would spend a twentieth of its time on it.
"""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"

if "httpx" in sys.modules:
    import httpx
else:
    # httpx then takes it for not installed; who imports it by its name later gets it all the same
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]
    try:
        import httpx
    finally:
        del sys.modules[_COMMAND_LINE]

__all__ = ["httpx"]
