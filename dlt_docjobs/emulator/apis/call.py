"""A request as the handlers see it: parameters read and checked, and how dates are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from dlt_docjobs.emulator.apis.answers import Answer, Refusal, invalid, refuse
from dlt_docjobs.emulator.faults import Faults
from dlt_docjobs.emulator.jobs import Job
from dlt_docjobs.emulator.vocabulary import Provider
from dlt_docjobs.emulator.world import World
from dlt_docjobs.model.times import parse_instant
from dlt_docjobs.model.vocabulary import JobKind

DateStyle = Literal["zulu", "offset", "naive"]


@dataclass
class Call:
    """One request."""

    provider: Provider
    world: World
    faults: Faults
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    path: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """The last value of a parameter; None where it is absent or empty."""
        values = [value for key, value in self.query if key == name]
        return (values[-1] or None) if values else None

    def many(self, name: str) -> list[str]:
        """The values of a parameter that is repeated, or joined by commas, or both."""
        joined = ",".join(value for key, value in self.query if key == name)
        return [part.strip() for part in joined.split(",") if part.strip()]

    def integer(self, name: str, default: int, least: int, most: int | None) -> int:
        """A whole number within bounds.

        Raises:
            Refusal: 422.
        """
        text = self.text(name)
        if text is None:
            return default
        try:
            number = int(text)
        except ValueError:
            raise invalid(
                "query", name, "Input should be a valid integer", "int_parsing", text
            ) from None
        if number < least:
            message = f"Input should be greater than or equal to {least}"
            raise invalid("query", name, message, "greater_than_equal", text)
        if most is not None and number > most:
            message = f"Input should be less than or equal to {most}"
            raise invalid("query", name, message, "less_than_equal", text)
        return number

    def size(self, name: str, default: int, most: int) -> int:
        """A page size, which may be cut at the most that there is.

        Raises:
            Refusal: 422.
        """
        if self.faults.cut_page_size:
            return min(self.integer(name, default, 1, None), most)
        return self.integer(name, default, 1, most)

    def instant(self, name: str) -> datetime | None:
        """A date-time, naive meaning UTC. A `+` that was not quoted has become a space: 422.

        Raises:
            Refusal: 422.
        """
        text = self.text(name)
        try:
            if self.faults.refuse_offsets and text is not None and "+" in text:
                raise ValueError("an offset")
            return parse_instant(text)
        except ValueError:
            raise invalid(
                "query", name, "Input should be a valid datetime", "datetime_parsing", text
            ) from None

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """A word of a list of words.

        Raises:
            Refusal: 422.
        """
        text = self.text(name)
        if text is not None and text not in allowed:
            raise invalid("query", name, f"Input should be one of {allowed}", "enum", text)
        return text

    def words(self, name: str, allowed: tuple[str, ...]) -> list[str]:
        """Several words of a list of words.

        Raises:
            Refusal: 422.
        """
        given = self.many(name)
        if not self.faults.comma_lists:
            given = [value for key, value in self.query if key == name]
        elif self.faults.comma_lists == "ignored":
            given = [value for key, value in self.query if key == name and "," not in value]
        if self.faults.last_of_repeated:
            given = given[-1:]
        for word in given:
            if word not in allowed:
                raise invalid("query", name, f"Input should be one of {allowed}", "enum", word)
        return given

    def flag(self, name: str, default: bool) -> bool:
        """A boolean, from the query or from the header of that name with dashes."""
        text = self.text(name) or self.headers.get(name.replace("_", "-"))
        return default if text is None else text.strip().lower() in ("true", "1", "yes")

    def job(self, kind: JobKind, parameter: str = "job_id") -> Job:
        """The job that the path names.

        Raises:
            Refusal: 404 where the provider does not know it (any more).
        """
        job_id = self.path[parameter]
        job = self.world.find((self.provider, kind), job_id)
        if job is None:
            text = f"Job {job_id} not found"
            is_text = kind == "parse" and self.faults.unsiloed_404 == "text"
            raise Refusal(refuse(self.provider, 404, text, parse=is_text))
        return job

    def refuse_early(self, job: Job) -> None:
        """Refuses the result of a job that has not ended, where faults say so.

        Raises:
            Refusal: The status that faults want.
        """
        status = self.faults.early_result_status
        if status is not None and job.finished_at is None:
            raise Refusal(refuse(self.provider, status, parse=job.job_kind == "parse"))

    def broken(self, job: Job, garbage: Any) -> Answer | None:
        """The answer in place of a result that faults have broken; None where it is whole.

        Raises:
            Refusal: The status that faults want.
        """
        how = self.faults.broken_results.get(job.job_id)
        if how is None:
            return None
        if how == "garbage":
            return Answer(garbage)
        parse = job.job_kind == "parse"
        raise Refusal(refuse(self.provider, how, parse=parse))

    # What answers are written with

    def shown(self, at: datetime) -> datetime:
        """An instant as the server's clock has it."""
        return at + timedelta(seconds=self.faults.clock_skew_seconds)

    def status(self, job: Job) -> str:
        """A job's status as answers show it."""
        if self.faults.single_status is not None and self.path:
            return self.faults.single_status
        return self.faults.status_overrides.get(job.job_id, job.provider_status)

    def progress(self, job: Job) -> float:
        """How far a job is: a share, or a percentage."""
        done = job.progress(self.world.clock.virtual)
        return round(100 * done, 1) if self.faults.percent_progress else round(done, 2)

    def date(self, at: datetime | None, style: DateStyle = "zulu") -> str | None:
        """An instant as text, in the provider's style or in that of a fault."""
        form = self.faults.timestamps
        if at is None or form == "null":
            return None
        if form == "garbage":
            return "31/12/2026 25:61"
        at = self.shown(at)
        if form == "offset":
            return at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
        # strftime writes years before 1000 with fewer digits
        text = at.replace(tzinfo=None).isoformat(timespec="seconds")
        if form == "nine":
            return f"{text}.{at.microsecond:06d}789Z"
        if style == "offset" and form != "naive":
            return f"{text}.{at.microsecond:06d}+00:00"
        if at.microsecond % 1000:
            text += f".{at.microsecond:06d}"
        elif at.microsecond:
            text += f".{at.microsecond // 1000:03d}"
        return text if form == "naive" or style == "naive" else f"{text}Z"
