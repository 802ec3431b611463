"""What a run has counted, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from dlt_docjobs.http import ApiError, DeadlineReached, Forbidden, NotFound
from dlt_docjobs.model.outcomes import EXIT_DONE, EXIT_PARTIAL, EXIT_REFUSED


def defect(what: str, error: Exception) -> str:
    """A sentence about something that could not be handled: an error of nobody's but ours.

    The error's own text may hold what the provider sent, so only its type is named.
    """
    return (
        f"{what} could not be handled ({type(error).__name__}); everything else goes on, and the "
        "next sync asks for it again"
    )


@dataclass(slots=True)
class Figures:
    """What a run counts, as `--json` prints it."""

    jobs_listed: int = 0
    jobs_new: int = 0
    jobs_changed: int = 0
    status_events: int = 0
    results_loaded: int = 0
    chunks: int = 0
    segments: int = 0
    rejected: int = 0
    open_jobs: int = 0
    pending_results: int = 0
    missing_jobs: int = 0


@dataclass(slots=True)
class Outcome:
    """What went wrong in a run so far.

    Attributes:
        problems: What could not be done, a sentence each.
        fatal: What stands for the whole provider, and ends the run.
        was_answered: Whether the provider has answered anything useful.
        was_refused: Whether a list was refused, or is not there.
        left_work: Whether the deadline or a signal left something unasked.
    """

    problems: list[str] = field(default_factory=list)
    fatal: str | None = None
    was_answered: bool = False
    was_refused: bool = False
    left_work: bool = False

    def fail(self, message: str, error: Exception) -> None:
        """Notes a failure; one that stands for the whole provider ends the run."""
        if isinstance(error, DeadlineReached):
            self.left_work = True
            return
        self.problems.append(message)
        if isinstance(error, ApiError) and error.is_fatal:
            self.fatal = self.fatal or str(error)

    def refuse(self, message: str, error: Exception) -> None:
        """Notes that a list can't be read; a refusal, or no such list, is no passing trouble."""
        self.fail(message, error)
        self.was_refused = self.was_refused or isinstance(error, (Forbidden, NotFound))

    def exit_code(self, rejected: int, was_cut_short: bool) -> int:
        """As of the command line, for what is known so far.

        Args:
            rejected: Records that could not be read.
            was_cut_short: Whether the deadline or a signal came before the run's end.
        """
        if self.fatal is not None or self.was_refused or (self.problems and not self.was_answered):
            return EXIT_REFUSED
        if self.problems or rejected or was_cut_short:
            return EXIT_PARTIAL
        return EXIT_DONE

    def error(self, rejected: int, cut_short_by: str | None) -> str | None:
        """What went wrong, in a sentence.

        Args:
            rejected: Records that could not be read.
            cut_short_by: What came before the run's end; None where nothing did.
        """
        if self.fatal is not None:
            return self.fatal
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            return self.problems[0] + more
        if rejected:
            return (
                f"{rejected} record(s) that could not be read, or that the provider does not "
                "know, stand in rejected_records"
            )
        if cut_short_by is not None:
            return f"{cut_short_by} came before everything was fetched; the next sync goes on"
        return None
