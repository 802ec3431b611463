"""Parse results to Arrow: what the providers' ways of reading have in common, pure functions.

Nothing in them raises for a field that is missing, new or of another type: what no column can
hold stays in the row's `metadata`. Only an answer that cannot be a result at all is refused. A
provider's `read_answer` takes the bytes of an answer, and returns what it says beside its result
as well (`reading`).
"""

from dlt_docjobs.results.reading import Document, ReadAnswer, Reading

__all__ = ["Document", "ReadAnswer", "Reading"]
