"""`/emulator/…`: what other processes move the emulator with and see the truth by."""

from __future__ import annotations

import math
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dlt_docjobs.emulator.truth import RequestRecord
from dlt_docjobs.emulator.world import World
from dlt_docjobs.model.times import format_instant


def control_routes(world: World, requests: Callable[[], list[RequestRecord]]) -> list[Route]:
    """The control endpoints. They need no key: the server listens on loopback only."""

    async def advance(request: Request) -> JSONResponse:
        try:
            seconds = float((await request.json())["seconds"])
        except (ValueError, KeyError, TypeError):
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            return JSONResponse({"detail": 'send {"seconds": <0 or more>}'}, 422)
        world.advance(seconds)
        return JSONResponse({"virtual_seconds": world.clock.virtual})

    async def state(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "now": format_instant(world.clock.read()),
                "virtual_seconds": world.clock.virtual,
                "jobs": [job.as_json() for job in world.jobs()],
            }
        )

    async def seen(_request: Request) -> JSONResponse:
        records = [record._asdict() | {"at": format_instant(record.at)} for record in requests()]
        return JSONResponse({"requests": records})

    return [
        Route("/advance", advance, methods=["POST"]),
        Route("/state", state, methods=["GET"]),
        Route("/requests", seen, methods=["GET"]),
    ]
