"""`python -m benchmarks`: runs the contest and shows what came out.

python -m benchmarks --quick                          under two minutes
python -m benchmarks --out docs/performance.json      the whole, for hours
python -m benchmarks --write-docs docs/performance.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contest import CASES, Contest
from benchmarks.jobs import Calendar
from benchmarks.report import PAGE, added, as_result, summary, with_result
from benchmarks.serving import running_server
from benchmarks.sizes import FULL, QUICK


def main() -> int:
    """Does what the command line says; 2 where the extra is missing."""
    args = _arguments()
    if args.write_docs is not None:
        result = json.loads(args.write_docs.read_text("utf-8"))
        PAGE.write_text(with_result(PAGE.read_text("utf-8"), result), "utf-8")
        return 0
    names = _series(args)
    if "pandas" in names and importlib.util.find_spec("pandas") is None:
        print("a rival needs pandas: pip install -e '.[benchmark]'", file=sys.stderr)
        return 2
    sizes = QUICK if args.quick else FULL
    repeat = args.repeat or (1 if args.quick else 5)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    if args.folder is not None:
        args.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="docjobs-benchmark-", dir=args.folder) as folder,
        running_server(Calendar.ending_now(sizes.total)) as server,
    ):
        series = Contest(server, sizes, Path(folder), say).run(names, repeat)
    result = as_result(series, sizes, repeat, args.quick)
    if args.add_to is not None:
        kept = added(json.loads(args.add_to.read_text("utf-8")), result)
        args.add_to.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(summary(result))
    return 0


def _series(args: argparse.Namespace) -> list[str]:
    """The series of the chosen cases, without those that are not wanted."""
    cases = args.case or list(CASES)
    names = dict.fromkeys(name for case in cases for name in CASES[case])
    return [name for name in names if args.only is None or name in args.only]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each")
    parser.add_argument(
        "--case", nargs="+", choices=CASES, metavar="NAME", help=f"only these: {', '.join(CASES)}"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="SERIES", help="of these cases only some of their series"
    )
    parser.add_argument("--repeat", type=int, metavar="N", help="runs of each (5; quick: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument(
        "--add-to", type=Path, metavar="FILE", help="put the series beside those of a result"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the warehouses are made (the whole takes up to 20 GB)"
    )
    parser.add_argument(
        "--write-docs", type=Path, metavar="FILE", help="only put a result into the documentation"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
