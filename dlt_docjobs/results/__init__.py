"""Parse results to rows and Arrow: a module a provider, each with `parse_document`, pure functions.

Nothing in them raises for a field that is missing, new or of another type: what no column can
hold stays in the row's `metadata`. Only an answer that cannot be a result at all is refused.
`read_answer` takes the bytes of an answer, and returns what it says beside its result as well
(`reading`).
"""

from dlt_docjobs.results.reading import Document, ReadAnswer, Reading
from dlt_docjobs.results.values import UnreadableResult

__all__ = ["Document", "ReadAnswer", "Reading", "UnreadableResult"]
