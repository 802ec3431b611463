"""`docjobs report`: one HTML page of figures, charts and tables over the views."""

from __future__ import annotations

from dlt_docjobs.report.write import ReportRefused, Written, write_report

__all__ = ["ReportRefused", "Written", "write_report"]
