"""How a sync ends where it does not end well: exit codes, and the errors that stand for them.

By itself, so that who only reads the warehouse imports no provider and no HTTP client.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_PARTIAL = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_BUSY = 75
# as a shell says it of a process that had no time to end
BROKEN_OFF = 137


class UsageError(ValueError):
    """Wrong usage or configuration: exit code 2. The message says what to do."""


class NoJobsNamed(UsageError):
    """A provider without a list, and nobody has named a job: a warning in a sync of all."""


class SyncFailed(Exception):
    """A sync could not do its work.

    Attributes:
        exit_code: As of the command line: docs/contract.md#exit-codes.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def refusal(what: str) -> UsageError:
    """The error for what would destroy the tables."""
    return UsageError(
        f"{what} is refused: all providers share the tables, so it would destroy the others' rows "
        "and a history that no provider can tell again; `docjobs reset PROVIDER` removes one "
        "account's rows"
    )
