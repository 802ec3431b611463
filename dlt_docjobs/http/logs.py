"""Keeps httpx and httpcore from logging what must not be logged."""

from __future__ import annotations

import logging

_NAMES = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class _WarningsOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_WARNINGS_ONLY = _WarningsOnly()


def quiet_http_logs() -> None:
    """Silences what httpx and httpcore log below WARNING: URLs with queries, and headers.

    The level spares them the work; the filter holds where somebody sets these loggers' level to
    DEBUG later. A filter does not reach child loggers, so each gets its own.
    """
    for name in _NAMES:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
        logger.addFilter(_WARNINGS_ONLY)
