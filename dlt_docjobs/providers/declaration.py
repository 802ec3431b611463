"""What a provider declares of itself: all that the engine, the command line and the report know.

A package adds a provider with an entry point in the group `dlt_docjobs.providers` whose value is
a `Provider`. A declaration is plain data and imports neither HTTP client nor dlt; the code that
talks to the API is named in it, and is imported when it is first needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from dlt_docjobs.model.vocabulary import JOB_KINDS, JobKind, Vocabulary

if TYPE_CHECKING:
    from dlt_docjobs.http import ErrorForm
    from dlt_docjobs.providers.probing import Question
    from dlt_docjobs.providers.protocol import ProviderApi

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_HOST: Final = re.compile(r"\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")

Bound = Literal["since", "until"]
KeyHeaders = Callable[[str, str, Mapping[str, Any]], Mapping[str, str]]


def bearer(key: str, base_url: str, settings: Mapping[str, Any]) -> Mapping[str, str]:
    """The header that carries a key, as most APIs want it."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True)
class Setting:
    """A configuration key of a provider's own, or a common one that differs for it.

    Attributes:
        name: The key under `sources.docjobs.<provider>`.
        type: `str`, `int`, `float` or `bool`; None may stand for any of them. Of a common key the
            type is known.
        default: The value where nothing is configured.
        description: A sentence for the documentation; empty keeps that of a common key.
    """

    name: str
    default: Any = None
    description: str = ""
    type: type = str


@dataclass(frozen=True)
class JobList:
    """A list of jobs.

    Attributes:
        endpoint: Its path. Kinds that name the same path share the list: it is read once, and its
            rows say of which kind they are.
        is_dated: Whether its rows carry the creation. A list that doesn't has to take `since`:
            each creation is then bracketed by listing from several instants.
        filters: The bounds on the creation that it takes.
        newest_first: Whether that order is promised. A list that can't be filtered is then read
            to the lag behind the cursor, and no further.
        is_stable: Whether a page token is known to stand for a place among the jobs, not for how
            many come before it. Elsewhere a job that is deleted while the list is read lets
            another slip from one page to the one before, so each page is looked at again.
        covers_open: Whether it shows each open job, however old, so that none of them is asked
            for by itself: a list that is read whole.
        is_optional: Whether not every account or server has it: one that refuses it (403, 404, 405,
            501) and has never shown a job in it has no jobs of its kinds, which is no failure.
        says_why: Whether its rows say why a job failed. Elsewhere each job is asked for once by
            itself when the list first shows it as failed.
        outlives_jobs: Whether its rows may outlive what they stand for. A 404 for a job that has
            succeeded then only says that its result is gone, since the list would bring the job
            back at every sync.
        page_max: The most jobs that a page is documented to hold; more are not asked for.
    """

    endpoint: str
    is_dated: bool = True
    filters: frozenset[Bound] = frozenset()
    newest_first: bool = False
    is_stable: bool = False
    covers_open: bool = False
    is_optional: bool = False
    says_why: bool = True
    outlives_jobs: bool = False
    page_max: int | None = None

    def __post_init__(self) -> None:
        """Refuses what contradicts itself."""
        if not self.is_dated and "since" not in self.filters:
            raise ValueError(f"{self.endpoint}: a list without dates has to take `since`")
        if self.covers_open and (self.filters or self.newest_first):
            raise ValueError(f"{self.endpoint}: a list that is not read whole covers no open jobs")

    @property
    def is_windowed(self) -> bool:
        """Whether it can be asked for any window of creation times."""
        return self.is_dated and self.filters == {"since", "until"}

    @property
    def is_bracketed(self) -> bool:
        """Whether creations are found by listing from several instants."""
        return not self.is_dated


@dataclass(frozen=True)
class Kind:
    """How the jobs of a kind are found, polled and fetched.

    Attributes:
        list: The list that shows them; None where there is none and the user names them.
        poll_batch: How many jobs one request can ask for.
        status_has_result: Whether asking for a job's status brings its result too: one request.
        retention_days: How long results stay, where the provider says so.
        id_prefix: What ids of the kind begin with, where that tells them from others.
        has_credits: Whether the provider tells what a job of the kind has cost.
    """

    list: JobList | None = None
    poll_batch: int = 1
    status_has_result: bool = False
    retention_days: float | None = None
    id_prefix: str | None = None
    has_credits: bool = True


@dataclass(frozen=True)
class Provider:
    """A provider.

    Attributes:
        name: Of its source, configuration section and rows: lower-case letters, digits and `_`.
        title: What it calls itself.
        api: Where its API's class is, as `module:Class`; a `protocol.ProviderApi`.
        key_variables: Environment variables that its users know its key by, the first one named
            in messages.
        base_url: Where requests go by default.
        vocabulary: Its words.
        kinds: The kinds of jobs that it has, in the order in which they are read.
        key_headers: Makes the headers of its key, from the key, the base URL and the settings.
        settings: Keys of its own, and common ones that differ.
        key_hint: What a refused key may mean beside a wrong one; a sentence without a full stop.
        error_keys: Keys of which one is in the JSON object with which the API says 404. In any
            other form it is a proxy's or a gateway's, and nothing is concluded from it.
        error_text: Where the API also says 404 as a text: a regular expression that is found in
            it, whatever its case. Many a gateway says "404 page not found", so "not found" is too
            little.
        deleted_words: Words in an error's body, whatever its form, by which the API says that a
            job was deleted: it is called expired at once, and no list brings it back. A 410 in
            the API's form then means the same.
        deleting_words: Words by which it says that a job is being deleted: taken as a 404 that a
            later sync has to confirm, and not asked for again in the run, be it a 409.
        credits_come_late: Whether credits are known only some time after a job has ended.
        result_hosts: Other hosts on which results may lie, as names or `*.name`, which is any
            host below it, or as `*`, any host at a public address, where the provider does not
            say which; they are fetched without the key (`ApiClient.get_elsewhere`).
        probe: Where its own questions for `docjobs probe` are, as `module:name`; a sequence of
            `probing.Question`. Empty: the general ones only.
    """

    name: str
    title: str
    api: str
    key_variables: tuple[str, ...]
    base_url: str
    vocabulary: Vocabulary
    kinds: Mapping[JobKind, Kind]
    key_headers: KeyHeaders = bearer
    settings: tuple[Setting, ...] = ()
    key_hint: str = ""
    error_keys: frozenset[str] = frozenset({"detail", "message", "error", "code"})
    error_text: str = ""
    deleted_words: frozenset[str] = frozenset()
    deleting_words: frozenset[str] = frozenset()
    credits_come_late: bool = False
    result_hosts: tuple[str, ...] = field(default=())
    probe: str = ""

    def __post_init__(self) -> None:
        """Refuses what the rest of the package could not work with."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"a provider's name is lower-case letters, digits and _: {self.name!r}"
            )
        if not self.kinds or not set(self.kinds) <= set(JOB_KINDS):
            raise ValueError(f"{self.name}: kinds are some of {', '.join(JOB_KINDS)}")
        if not self.key_variables:
            raise ValueError(f"{self.name}: a key needs an environment variable")
        for host in self.result_hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(
                    f"{self.name}: results lie on a host, `*.name` or `*`, not {host!r}"
                )

    @cached_property
    def lists(self) -> Mapping[JobList, tuple[JobKind, ...]]:
        """Each list, with the kinds that it shows."""
        found: dict[JobList, list[JobKind]] = {}
        for name, kind in self.kinds.items():
            if kind.list is not None:
                found.setdefault(kind.list, []).append(name)
        return {listing: tuple(kinds) for listing, kinds in found.items()}

    @property
    def error_form(self) -> ErrorForm:
        """In what form the API says what is wrong."""
        from dlt_docjobs.http.bodies import ErrorForm

        return ErrorForm(self.error_keys, self.error_text, self.deleted_words, self.deleting_words)

    @property
    def unlisted(self) -> tuple[JobKind, ...]:
        """The kinds whose jobs the user has to name."""
        return tuple(name for name, kind in self.kinds.items() if kind.list is None)

    def kind_of(self, job_id: str) -> JobKind:
        """The kind that an id belongs to, as far as the id tells; else the first one."""
        for name, kind in self.kinds.items():
            if kind.id_prefix is not None and job_id.startswith(kind.id_prefix):
                return name
        return next(iter(self.kinds))

    def api_class(self) -> type[ProviderApi]:
        """The class that talks to its API; imports it."""
        module, _, name = self.api.partition(":")
        found: type[ProviderApi] = getattr(import_module(module), name)
        return found

    def questions(self) -> tuple[Question, ...]:
        """Its own questions for `docjobs probe`; imports them."""
        if not self.probe:
            return ()
        module, _, name = self.probe.partition(":")
        return tuple(getattr(import_module(module), name))

    def __hash__(self) -> int:
        """By name: there is one declaration of each."""
        return hash(self.name)
