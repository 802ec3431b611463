"""`docjobs probe`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from dlt_docjobs.accounts.pipelines import Account, chosen_accounts
from dlt_docjobs.cli.errors import explain
from dlt_docjobs.probe import Findings, as_json, as_markdown, probe_account
from dlt_docjobs.providers.recording import Recorder
from dlt_docjobs.sources.source import resolve


def probe(args: argparse.Namespace) -> int:
    """Asks each account what no documentation says, and writes down what it showed."""
    found: list[Findings] = []
    codes: list[int] = []
    for account in chosen_accounts(args.providers):
        try:
            found.append(_probe(account))
        except Exception as error:
            explained = explain(error)
            print(f"{account}: {explained.message}", file=sys.stderr, flush=True)
            codes.append(explained.exit_code)
    exit_code = next((code for code in (2, 3, 75) if code in codes), 0)
    day = datetime.now(timezone.utc).date()
    if found and args.out:
        Path(args.out).write_text(as_markdown(found, day), encoding="utf-8")
    if args.json:
        print(json.dumps(as_json(found, day, exit_code), ensure_ascii=False))
    elif found:
        said = f"{args.out}: read it, then hand it on" if args.out else as_markdown(found, day)
        print(said.rstrip("\n"), flush=True)
    return exit_code


def _probe(account: Account) -> Findings:
    config = resolve(account.source)
    # a request that fails costs its question, not four others' requests
    http = replace(config.connection.http, max_retries=0, max_concurrency=1)
    recorder = Recorder()
    api = config.make_api(watch=recorder, http=http)
    return asyncio.run(probe_account(api, recorder, config.settings.targets))
