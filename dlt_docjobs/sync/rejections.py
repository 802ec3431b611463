"""What could not be read, as rows of `rejected_records`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from dlt_docjobs.http import UnreadableBody
from dlt_docjobs.model.cleaning import clean_json, hashed_name, to_json_text
from dlt_docjobs.model.records import JsonText, RejectedRecord
from dlt_docjobs.providers.answers import UnreadableRecord
from dlt_docjobs.providers.protocol import Rejection
from dlt_docjobs.sync.settings import SyncSettings
from dlt_docjobs.warehouse.state import JobRef

UNKNOWN_ID = "the provider doesn't know this id"
# characters (docs/contract.md, rejected_records)
LARGEST_PAYLOAD: Final = 16 * 2**20
KEPT_OF_LARGER: Final = 2**20


def rejection_id(settings: SyncSettings, rejection: Rejection) -> str:
    """The key of a record without a payload: the same whenever the same thing comes again."""
    return _key(settings, rejection, _cleaned(rejection.payload, frozenset()))


def _key(settings: SyncSettings, rejection: Rejection, cleaned: Any) -> str:
    parts = [
        settings.provider.name,
        settings.account,
        rejection.endpoint,
        rejection.job_kind,
        rejection.job_id,
        cleaned,
    ]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def unknown_id_rejection(settings: SyncSettings, ref: JobRef) -> str:
    """The key under which an id that the provider never knew is kept."""
    return rejection_id(settings, unknown_id(ref))


def unknown_id(ref: JobRef) -> Rejection:
    """The rejection of an id that the provider never knew."""
    kind, job_id = ref
    return Rejection(f"/{kind}/{job_id}", kind, job_id, UNKNOWN_ID, None, is_unknown_id=True)


def rejected_record(
    settings: SyncSettings,
    rejection: Rejection,
    without_content: Callable[[Any], Any],
    names: frozenset[str],
    links: frozenset[str],
    observed_at: datetime,
    run_id: str,
) -> RejectedRecord:
    """The row: whole, or with include_content=false its shape without its texts.

    Args:
        settings: The sync's.
        rejection: What could not be read.
        without_content: Takes the texts out of a payload, for include_content=false.
        names: Keys under which a document's name stands, a hash with include_names=false.
        links: Keys under which a link to a stored file stands.
        observed_at: Our clock.
        run_id: The run.
    """
    payload = cleaned = _cleaned(rejection.payload, links)
    if not settings.policy.include_names:
        payload = _with_hashed_names(payload, names)
    if not settings.policy.include_content:
        payload = without_content(payload)
    text, note = _stored(payload, rejection.payload)
    return RejectedRecord(
        rejection_id=_key(settings, rejection, cleaned),
        provider=settings.provider.name,
        account=settings.account,
        endpoint=rejection.endpoint,
        job_kind=rejection.job_kind,
        job_id=rejection.job_id,
        error=rejection.error + note,
        payload=text,
        observed_at=observed_at,
        run_id=run_id,
    )


def _stored(payload: Any, came: Any) -> tuple[JsonText | None, str]:
    """The payload as JSON, or as much of it as one row may weigh, and what is said of the rest."""
    if payload is None:
        return None, ""
    text = to_json_text(payload)
    if len(text) <= LARGEST_PAYLOAD:
        return text, ""
    whole = came if isinstance(came, bytes) else text.encode()
    beginning = (payload if isinstance(payload, str) else text)[:KEPT_OF_LARGER]
    return to_json_text(beginning), (
        f"; of its {len(whole):,} bytes (SHA-256 {hashlib.sha256(whole).hexdigest()}) "
        "the first MB is kept"
    )


def _with_hashed_names(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_with_hashed_names(entry, names) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        key: hashed_name(entry)
        if key in names and isinstance(entry, str)
        else _with_hashed_names(entry, names)
        for key, entry in value.items()
    }


def _cleaned(payload: Any, links: frozenset[str]) -> Any:
    """The payload as it may be stored; a URL that is signed anew each time is always the same."""
    if isinstance(payload, bytes):
        payload = payload.decode("utf-8", "replace")
    try:
        return clean_json(payload, redact_secrets=True, links=links)
    except ValueError:
        # nested deeper than anything is read: as text it is still whole
        return clean_json(json.dumps(payload, default=str), redact_secrets=True)


def payload_of(error: Exception) -> Any:
    """What came and could not be read, where the error has kept it."""
    if isinstance(error, UnreadableBody):
        return error.body
    return error.payload if isinstance(error, UnreadableRecord) else None
