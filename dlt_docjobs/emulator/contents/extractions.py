"""The one result of jobs that do not parse, in each provider's wrapping.

An invoice by a user's schema, a document's class, and the parts that a document falls into.
"""

from __future__ import annotations

import random
from typing import Any, Final

from dlt_docjobs.emulator.contents import words


def _invoice(rng: random.Random) -> dict[str, Any]:
    lines = [
        {"sku": f"A-{rng.randint(1, 99)}", "qty": rng.randint(1, 9), "price": rng.uniform(1, 99)}
        for _ in range(rng.randint(1, 4))
    ]
    return {
        "vendor": words.sentence(rng).split()[-1],
        "Invoice No.": f"{rng.randint(1, 10**6):07d}",
        "total": round(rng.uniform(10, 9000), 2),
        "paid": rng.random() < 0.5,
        "due": rng.choice((None, "2026-12-31")),
        "items": lines,
    }


def llamacloud(rng: random.Random, pages: int) -> dict[str, Any]:
    """`extract_result`, an object or (per page) an array, and `field_metadata` or None."""
    per_page = rng.random() < 0.3
    result: Any = [_invoice(rng) for _ in range(pages)] if per_page else _invoice(rng)
    if rng.random() < 0.5:
        return {"extract_result": result, "field_metadata": None}
    citation = {"page": 1, "matching_text": words.sentence(rng)}
    entry = {"vendor": {"confidence": round(rng.uniform(0.4, 1), 3), "citation": [citation]}}
    return {
        "extract_result": result,
        "field_metadata": {
            "document_metadata": None if per_page else entry,
            "page_metadata": [entry] * pages if per_page else None,
            "row_metadata": None,
        },
    }


def _attributed(rng: random.Random, value: Any) -> Any:
    """Each primitive becomes an object, as `per_key_attribution` has it."""
    if isinstance(value, dict):
        return {key: _attributed(rng, member) for key, member in value.items()}
    if isinstance(value, list):
        return [_attributed(rng, member) for member in value]
    return {
        "extracted_value": value,
        "reasoning": words.sentence(rng),
        "confidence": round(rng.uniform(0.4, 1), 3),
        "page": 1,
    }


def contextual(rng: random.Random, attribution: bool) -> dict[str, Any]:
    """`results` and `metadata`."""
    invoice = _invoice(rng)
    results = _attributed(rng, invoice) if attribution else invoice
    return {"results": results, "metadata": {"has_attributions": attribution}}


def _scored(rng: random.Random, value: Any, page: int, old: bool) -> dict[str, Any]:
    box = [10.0, 20.0, 110.0, 40.0]
    score = round(rng.uniform(0.4, 1), 3)
    if old:
        cited = {"bbox": box, "text": str(value), "type": "text", "confidence": score}
        cited |= {"page_width": 612, "page_height": 792}
        return {"value": value, "score": score, "bboxes": [cited], "page_no": page}
    citation = {"bbox": box, "page": page, "page_width": 612, "page_height": 792}
    return {
        "value": value,
        "score": {"grounding_score": score, "extraction_score": rng.choice((None, score))},
        "citation": citation if value is not None else None,
    }


def unsiloed(rng: random.Random, pages: int) -> dict[str, Any]:
    """`result`, in the older or the newer of the two captured shapes, and `metadata`."""
    old = rng.random() < 0.4
    invoice = _invoice(rng)
    rows = [
        {key: _scored(rng, value, 1, old) for key, value in line.items()}
        for line in invoice.pop("items")
    ]
    result = {key: _scored(rng, value, 1, old) for key, value in invoice.items()}
    result["items"] = _scored(rng, rows, 1, old)
    notes = [{"__value__": _scored(rng, words.sentence(rng), 1, old)}]
    result["notes"] = _scored(rng, notes, 1, old)
    order = list(result)
    schema = {"type": "object", "properties": {key: {} for key in order}}
    return {"result": result, "metadata": {"order": order, "schema": schema, "page_count": pages}}


def _grounded(value: Any, text: str) -> Any:
    """The mirror of an extraction: where each leaf stands in the Markdown, if it does."""
    if isinstance(value, dict):
        return {key: _grounded(member, text) for key, member in value.items()}
    if isinstance(value, list):
        return [_grounded(member, text) for member in value]
    at = text.find(str(value))
    ranges = [{"start": at, "end": at + len(str(value))}] if at >= 0 else None
    return {"value": value, "ranges": ranges}


def landingai(rng: random.Random) -> dict[str, Any]:
    """`extraction`, its mirror, the Markdown that was extracted from, and what was amiss."""
    invoice = _invoice(rng)
    text = "\n\n".join(
        [words.paragraph(rng), *(f"{key}: {value}" for key, value in invoice.items())]
    )
    violation = "field 'due' was dropped" if rng.random() < 0.2 else None
    warning = {"code": "nonconformant_schema", "msg": "due has no type"}
    return {
        "extraction": invoice,
        "extraction_metadata": _grounded(invoice, text),
        "markdown": text,
        "schema_violation_error": violation,
        "warnings": [warning] if violation else [],
    }


CLASSES: Final = ("invoice", "letter", "contract")


def classified(rng: random.Random, provider: str, pages: int) -> dict[str, Any]:
    """`result` of a classify job: no class fits one in ten documents, which is a result too."""
    chosen = rng.choice(CLASSES)
    confidence = round(rng.uniform(0.4, 1), 3)
    if provider == "llamacloud":
        label = None if rng.random() < 0.1 else chosen
        result = {"type": label, "confidence": confidence, "reasoning": words.sentence(rng)}
        return {"result": result}
    result = {"success": True, "classification": chosen, "confidence": confidence}
    if rng.random() < 0.2:
        # an image: it has one page and no list of them
        return {"result": result | {"raw_result": chosen, "total_pages": 1}}
    failed = rng.randint(1, pages) if pages > 1 and rng.random() < 0.3 else 0
    of_pages = [
        # of a page that failed the class is the first one, whatever stands on it
        {"page": page, "success": False, "error": "no image", "classification": CLASSES[0]}
        if page == failed
        else {"page": page, "success": True, "classification": chosen, "raw_result": chosen}
        for page in range(1, pages + 1)
    ]
    counts = {"total_pages": pages, "processed_pages": pages - bool(failed)}
    return {"result": result | counts | {"page_results": of_pages}}


def divided(rng: random.Random, provider: str, pages: int) -> dict[str, Any]:
    """`result` of a split job: parts of one category each, a category perhaps more than once."""
    ends = sorted({*rng.sample(range(1, pages + 1), rng.randint(1, min(3, pages))), pages})
    begins = [1, *(end + 1 for end in ends[:-1])]
    parts = [(rng.choice(CLASSES), *span) for span in zip(begins, ends, strict=True)]
    if provider == "llamacloud":
        segments = [
            {
                "category": category,
                "pages": list(range(first, last + 1)),
                "confidence_category": rng.choice(("high", "medium", "low")),
            }
            for category, first, last in parts
        ]
        return {"result": {"segments": segments}}
    files = [
        {
            "name": f"{category}.pdf",
            "path": f"{category}.pdf",
            "type": "file",
            "fileId": words.random_uuid(rng),
            "confidence_score": round(rng.uniform(0.4, 1), 3),
        }
        for category, _, _ in parts
    ]
    return {"result": {"success": True, "message": f"{len(files)} files", "files": files}}
