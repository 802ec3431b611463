"""Words, names and sentences drawn from a seed: what the emulator's documents are made of."""

from __future__ import annotations

import random
import uuid
from typing import Final

_TOPICS: Final = (
    *("Invoice", "Annual report", "Lease", "Supply contract", "Delivery note", "Datasheet"),
    *("Insurance policy", "Bank statement", "Lab report", "Q4 Financial Report", "Offre de prix"),
    *("Reisekostenabrechnung", "取扱説明書", "Patient intake", "Bill of lading", "Audit notes"),
)
_SUBJECTS: Final = (
    *("The supplier", "Each party", "The tenant", "Net revenue", "Der Auftragnehmer", "The pump"),
    *("Operating income", "La société Müller & Cie", "The insured", "This section", "株式会社山田"),
)
_VERBS: Final = (
    *("shall deliver", "reported", "increased to", "must not exceed", "is liable for", "covers"),
    *("agrees to", "measures", "was adjusted by", "ersetzt", "describes"),
)
_OBJECTS: Final = (
    *("1 200 units within 30 days", "€ 4.2 million", "the agreed service level", "a 5 % margin"),
    *("all warranty claims", "the values in Table 2", "wear and tear", "0.45 mm ± 0.01"),
    *("the costs of transport", "an average of 37 °C", "the liability cap", "its own expenses 🙂"),
)
_HEADINGS: Final = (
    *("Scope", "Definitions", "Terms of payment", "Results", "Liability", "Maintenance"),
    *("Übersicht", "Risk factors", "Notes", "Appendix A", "Technical data", "Summary"),
)
_PRODUCTS: Final = ("Bolt M6", "Nut", "Washer", "Gasket", "O-Ring 12×2", "Filter", "Seal kit")
_OWNERS: Final = ("jerry", "maria", "ops", "Zoë", "finance", "qa-bot")


def document_name(rng: random.Random) -> str:
    """A file name."""
    suffix = rng.choice(("pdf", "pdf", "pdf", "docx", "pptx", "xlsx", "png"))
    return f"{rng.choice(_TOPICS)} {rng.randint(2019, 2026)}-{rng.randint(1, 9999):04d}.{suffix}"


def sentence(rng: random.Random) -> str:
    """A sentence."""
    return f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_OBJECTS)}."


def paragraph(rng: random.Random) -> str:
    """One to four sentences."""
    return " ".join(sentence(rng) for _ in range(rng.randint(1, 4)))


def heading(rng: random.Random) -> str:
    """A heading, numbered more often than not."""
    number = f"{rng.randint(1, 12)}.{rng.randint(1, 9)} " if rng.random() < 0.6 else ""
    return number + rng.choice(_HEADINGS)


def table_rows(rng: random.Random) -> list[list[str | int | float | None]]:
    """A header and some rows whose cells are text, integers, numbers and nothing."""
    rows: list[list[str | int | float | None]] = [["Item", "Qty", "Price", "Remark"]]
    for _ in range(rng.randint(1, 6)):
        rows.append(
            [
                rng.choice(_PRODUCTS),
                rng.randint(1, 500),
                rng.choice((round(rng.uniform(0.1, 900), 2), f"{rng.randint(1, 99)},50 €", 12)),
                rng.choice((None, None, "", sentence(rng))),
            ]
        )
    return rows


def _cells(row: list[str | int | float | None]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in row]


def table_markdown(rows: list[list[str | int | float | None]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    if lines:
        lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def table_html(rows: list[list[str | int | float | None]]) -> str:
    """The rows as an HTML table."""
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in _cells(row)) + "</tr>" for row in rows
    )
    return f"<table>{body}</table>"


def table_csv(rows: list[list[str | int | float | None]]) -> str:
    """The rows as CSV."""
    quoted = [
        [f'"{cell}"' if "," in cell or '"' in cell else cell for cell in _cells(row)]
        for row in rows
    ]
    return "\n".join(",".join(row) for row in quoted)


def user_metadata(rng: random.Random) -> dict[str, str]:
    """Tags of a user's own choice; the keys are as unruly as users are."""
    tags = {
        "team": rng.choice(("research", "billing", "claims")),
        "owner": rng.choice(_OWNERS),
        "Cost Center": str(rng.randint(100, 999)),
        "cost_center": str(rng.randint(100, 999)),
        "größe/€": "L",
    }
    return {key: tags[key] for key in rng.sample(sorted(tags), rng.randint(1, 3))}


def random_uuid(rng: random.Random) -> str:
    """A version 4 uuid drawn from the seed."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def signed_url(rng: random.Random, path: str) -> str:
    """A presigned storage URL. It leads nowhere: the host is reserved for examples."""
    signature = f"{rng.getrandbits(256):064x}"
    return (
        f"https://documents.s3.us-east-1.example.com/{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential=AKIAEXAMPLE%2F20260101&X-Amz-Expires=3600&X-Amz-Signature={signature}"
    )
