"""Lenient readers of the envelopes in which answers carry a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from dlt_docjobs.model.cleaning import clean_text
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.values import to_float, to_int, to_text
from dlt_docjobs.providers.answers import UnreadableRecord, type_name


def _lenient_text(value: Any) -> str | None:
    text = to_text(value)
    return None if text is None else clean_text(text)


def _lenient_instant(value: Any) -> datetime | None:
    try:
        return parse_instant(value)
    except (ValueError, TypeError):
        return None


def _required(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is missing or no text")
    return clean_text(value)


Identifier = Annotated[str, BeforeValidator(_required)]
StatusText = Annotated[str, BeforeValidator(_required)]
Text = Annotated[str | None, BeforeValidator(_lenient_text)]
Number = Annotated[float | None, BeforeValidator(to_float)]
Count = Annotated[int | None, BeforeValidator(to_int)]
Instant = Annotated[datetime | None, BeforeValidator(_lenient_instant)]
Anything = Any


class Envelope(BaseModel):
    """A job as an answer carries it.

    Tolerant, since APIs add fields and words: unknown keys are ignored, optional fields of a wrong
    type are null here, and both are whole in the payload. Only what a job cannot be without is
    required: its id and its status.
    """

    model_config = ConfigDict(extra="ignore")


EnvelopeT = TypeVar("EnvelopeT", bound=Envelope)


def with_id(row: Any, key: str, job_id: str | None) -> Any:
    """A job with the id that it was asked for by: an answer may know it by another name."""
    return {**row, key: job_id} if job_id is not None and isinstance(row, dict) else row


def read_envelope(model: type[EnvelopeT], value: Any) -> EnvelopeT:
    """Reads a job's envelope.

    Raises:
        UnreadableRecord: Not an object, or a field it cannot be without is missing or wrong. The
            message names the field, never its value.
    """
    if not isinstance(value, Mapping):
        raise UnreadableRecord(f"a job should be a JSON object, not {type_name(value)}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise UnreadableRecord(f"field {where}: {what}") from None
