"""Reads answers, here or in a helper."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Final

from dlt_docjobs.http import Answer, decode_json
from dlt_docjobs.reader.process import HelperProcess
from dlt_docjobs.results import ReadAnswer, Reading

HELPED_FROM: Final = 8 * 2**20
"""Bytes of answers after which a helper is worth its start, half a second of a processor."""

# read here, because a helper holds what it has once needed
_LARGEST: Final = 32 * 2**20
_LOG = logging.getLogger(__name__)


class Reader:
    """Reads the answers of one provider.

    Args:
        read_answer: The provider's way of reading.
        include_content: False: no document text in any row.
        include_ocr: False: no OCR elements.
        include_table_cells: False: no cells of tables.
    """

    def __init__(
        self,
        read_answer: ReadAnswer,
        *,
        include_content: bool,
        include_ocr: bool,
        include_table_cells: bool = False,
    ) -> None:
        self._read_answer = read_answer
        self._policy = {
            "include_content": include_content,
            "include_ocr": include_ocr,
            "include_table_cells": include_table_cells,
        }
        self._bytes_read = 0
        self._may_start = False
        self._start: asyncio.Task[None] | None = None
        self._helper: HelperProcess | None = None

    def open(self) -> None:
        """From now on there may be a helper; whoever says so closes the reader."""
        self._may_start = _can_have_helper()

    async def close(self) -> None:
        """Ends the helper, if there is one."""
        self._may_start = False
        if self._start is not None:
            self._start.cancel()
            await asyncio.gather(self._start, return_exceptions=True)
        if self._helper is not None:
            await self._helper.close()

    async def read(self, answer: Answer) -> Reading:
        """Reads an answer that was asked for its result.

        Raises:
            UnreadableBody: It is not JSON.
        """
        self._bytes_read += len(answer.body)
        if self._helper is not None and len(answer.body) <= _LARGEST:
            reading = await self._helper.read(answer.body)
            if reading is not None:
                return reading
        elif self._may_start and self._bytes_read >= HELPED_FROM:
            self._may_start = False
            self._start = asyncio.create_task(self._start_helper())
        return self._read_answer(answer.body, lambda: decode_json(answer), **self._policy)

    async def _start_helper(self) -> None:
        try:
            self._helper = await HelperProcess.start(self._read_answer, self._policy)
        except (OSError, NotImplementedError, asyncio.IncompleteReadError) as error:
            _LOG.debug("no helper could be started, answers are read here: %r", error)


def _can_have_helper() -> bool:
    """Whether there is a processor for it, and a Python that can be started."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return processors > 1 and bool(sys.executable) and not getattr(sys, "frozen", False)
