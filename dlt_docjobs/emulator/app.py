"""The Starlette application: each provider mounted as an origin of its own."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from dlt_docjobs.emulator.apis import (
    contextual,
    data_points,
    landingai,
    llamacloud,
    reducto,
    unsiloed,
)
from dlt_docjobs.emulator.apis.answers import Answer, Refusal, refuse
from dlt_docjobs.emulator.apis.call import Call
from dlt_docjobs.emulator.encoding import encode
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.mischief import bend
from dlt_docjobs.emulator.vocabulary import PROVIDERS, Provider
from dlt_docjobs.emulator.world import World

Handler = Callable[[Call], Answer]

# where results lie: whoever has the URL needs no key
_STORE: Final = "/results/{job_id}/{part}.json"

ROUTES: Final[dict[Provider, dict[str, Handler]]] = {
    "llamacloud": {
        "/api/v2/parse": llamacloud.list_parse,
        "/api/v2/parse/versions": llamacloud.parse_versions,
        "/api/v2/parse/{job_id}": llamacloud.get_parse,
        "/api/v2/extract": llamacloud.list_extract,
        "/api/v2/extract/{job_id}": llamacloud.get_extract,
        "/api/v2/extract/{job_id}/review": llamacloud.get_review,
        "/api/v2/classify": llamacloud.list_classify,
        "/api/v2/classify/{job_id}": llamacloud.get_classify,
        "/api/v1/split/jobs": llamacloud.list_split,
        "/api/v1/split/jobs/{job_id}": llamacloud.get_split,
        "/api/v1/job-data-points": data_points.list_data_points,
    },
    "contextual": {
        "/v1/parse/jobs": contextual.list_parse,
        "/v1/parse/jobs/{job_id}/status": contextual.parse_status,
        "/v1/parse/jobs/{job_id}/results": contextual.parse_results,
        "/v1/extract/jobs": contextual.list_extract,
        "/v1/extract/jobs/{job_id}": contextual.get_extract,
        "/v1/extract/jobs/{job_id}/results": contextual.extract_results,
    },
    "unsiloed": {
        "/parse/{job_id}": unsiloed.get_parse,
        "/extract/{job_id}": unsiloed.get_extract,
        "/classify/{job_id}": unsiloed.get_classify,
        "/splitter/{job_id}": unsiloed.get_split,
    },
    "reducto": {
        "/jobs": reducto.list_jobs,
        "/job/{job_id}": reducto.get_job,
        _STORE: reducto.get_stored,
    },
    "landingai": {
        "/v2/parse/jobs": landingai.list_parse,
        "/v2/parse/jobs/{job_id}": landingai.get_parse,
        "/v2/extract/jobs": landingai.list_extract,
        "/v2/extract/jobs/{job_id}": landingai.get_extract,
        landingai.FILES + "/{job_id}": landingai.get_file,
    },
}
"""Every path that is served; all of them answer GET only."""


def _authorised(provider: Provider, faults: Faults, request: Request, key: str) -> bool:
    if request.url.path.startswith(f"/{provider}{landingai.FILES}/"):
        # whoever has the URL may read what lies behind it, and storage refuses a key beside it
        return "authorization" not in request.headers
    header = faults.unsiloed_header if provider == "unsiloed" else "Authorization"
    given = request.headers.get(header, "")
    if header == "Authorization":
        scheme, _, given = given.partition(" ")
        if scheme.lower() != "bearer":
            return False
    return secrets.compare_digest(given.strip().encode(), key.encode())


def _response(answer: Answer) -> Response:
    return Response(
        encode(answer), answer.status, headers=answer.headers, media_type=answer.media_type
    )


def _provider_routes(
    provider: Provider, world: World, key: str, faults: Callable[[], Faults]
) -> list[Route]:
    def endpoint(path: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def run(request: Request) -> Response:
            now = faults()
            parse = request.url.path.startswith("/unsiloed/parse/")
            if path != _STORE and not _authorised(provider, now, request, key):
                return _response(refuse(provider, 401, parse=parse))
            query = request.query_params.multi_items()
            call = Call(provider, world, now, query, request.headers, request.path_params)
            # An answer shows one moment: nobody moves the clock while it is made.
            with world.lock:
                try:
                    return _response(bend(call, handler(call)))
                except Refusal as refusal:
                    return _response(refusal.answer)
                finally:
                    world.clock.note_answer()

        return run

    return [
        Route(path, endpoint(path, handler), methods=["GET"])
        for path, handler in ROUTES[provider].items()
    ]


async def _http_error(request: Request, error: Exception) -> Response:
    """404 for paths that nobody serves, 405 for everything that is no GET."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(getattr(error, "headers", None) or {})
    answer = Answer({"detail": "Method Not Allowed" if status == 405 else "Not Found"}, status)
    answer.headers |= headers
    return _response(answer)


def build_app(
    world: World, key: str, faults: Callable[[], Faults], control: list[Route]
) -> Starlette:
    """The application, without the front that records and spoils."""
    mounts: list[BaseRoute] = [
        Mount(f"/{provider}", routes=_provider_routes(provider, world, key, faults))
        for provider in PROVIDERS
    ]
    return Starlette(
        routes=[*mounts, Mount("/emulator", routes=control)],
        exception_handlers={404: _http_error, 405: _http_error},
    )
