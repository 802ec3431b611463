"""Findings as a text that can be handed on, and as an object for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from dlt_docjobs._version import __version__
from dlt_docjobs.probe.account import Finding, Findings

_FOREWORD = (
    "What accounts showed of what no documentation says. Every sentence is the connector's own: "
    "no content, name, id, date or key of a job stands here."
)


def as_markdown(found: Sequence[Findings], day: date) -> str:
    """A page: a section for each account, a line for each question."""
    lines = ["# What docjobs probe found", "", f"dlt-docjobs {__version__}, {day}. {_FOREWORD}"]
    for number, account in enumerate(found, 1):
        url = "its own URL" if account.is_default_url else "a configured URL"
        lines += ["", f"## Account {number}: {account.title}", ""]
        lines += [f"Asked at {url} with {account.requests} requests.", ""]
        lines += [f"- **{one.question.text}** {_said(one)}" for one in account.answers]
    return "\n".join(lines) + "\n"


def _said(finding: Finding) -> str:
    if finding.outcome == "not shown":
        return f"Not shown by this account: {finding.answer}."
    return f"{finding.answer[:1].upper()}{finding.answer[1:]}."


def as_json(found: Sequence[Findings], day: date, exit_code: int) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "exit_code": exit_code,
        "version": __version__,
        "day": day.isoformat(),
        "accounts": [
            {
                "provider": account.provider,
                "is_default_url": account.is_default_url,
                "requests": account.requests,
                "answers": [
                    {
                        "name": one.question.name,
                        "question": one.question.text,
                        "outcome": one.outcome,
                        "answer": one.answer,
                        "requests": one.requests,
                    }
                    for one in account.answers
                ],
            }
            for account in found
        ],
    }
