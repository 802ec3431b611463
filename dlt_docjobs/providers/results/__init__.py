"""Parse results to rows: one module a provider, each with `parse_document`, pure functions.

Nothing in them raises for a field that is missing, new or of another type: what no column can
hold stays in the row's `metadata`. Only an answer that cannot be a result at all is refused.
"""

from dlt_docjobs.providers.results.values import UnreadableResult

__all__ = ["UnreadableResult"]
