"""`docjobs probe`: what an account shows of what no documentation says.

Questions come from the declaration of a provider (`questions.py`) and from the provider's own
folder; `account.py` asks them within the budget, `report.py` writes the answers down.
"""

from dlt_docjobs.probe.account import Finding, Findings, probe_account
from dlt_docjobs.probe.report import as_json, as_markdown

__all__ = ["Finding", "Findings", "as_json", "as_markdown", "probe_account"]
