"""The page itself: facts and charts in a template, with a policy that forbids any network.

Every text that comes from the warehouse is escaped by the template engine, those inside the charts'
JSON too. Beside that, the policy lets only the page's own two scripts run, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from dlt_docjobs._version import __version__
from dlt_docjobs.report import words
from dlt_docjobs.report.charts import CONFIG, all_charts
from dlt_docjobs.report.facts import Facts
from dlt_docjobs.report.lists import all_lists
from dlt_docjobs.report.verdicts import verdicts

_FILES: Final = files("dlt_docjobs.report") / "html"


def make_page(facts: Facts, *, include_text: bool = True) -> str:
    """The page as HTML.

    Args:
        facts: What the warehouse said.
        include_text: Whether excerpts of segments stand on it.
    """
    charts = all_charts(facts)
    are_drawn = any(chart.spec for group in charts.values() for chart in group)
    scripts = [_library(), _read("draw.js")] if are_drawn else []
    return _template().render(
        facts=facts,
        words=words,
        charts=charts,
        lists=all_lists(facts, include_text=include_text),
        verdicts=verdicts(facts),
        config=CONFIG,
        version=__version__,
        policy=_policy(scripts),
        # ours, and safe: see _library
        scripts=[Markup(script) for script in scripts],
        style=Markup(_read("style.css")),
    )


def _policy(scripts: list[str]) -> str:
    """What the browser may do: nothing but run these scripts and show the page's own style."""
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
        for script in scripts
    ]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(hashes) or repr('none')}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, of the version that Altair writes for."""
    major, minor = alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2]
    bundle = str(
        vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=f"{major}.{minor}")
    )
    # a parser of HTML looks for these inside a script too, and turns CR into LF before it is hashed
    for sequence, same in (("</script", "<\\/script"), ("<!--", "<\\!--"), ("\r", "")):
        bundle = bundle.replace(sequence, same)
    return bundle


@cache
def _read(name: str) -> str:
    return (_FILES / name).read_text("utf-8").replace("\r", "")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(_read),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters["shown"] = _shown
    return environment.get_template("page.html")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else words.number(value)
