"""How a report looks: one page, readable by day, by night, on a phone and on paper."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from ..core.bounds import Bound, Influence
from ..widgets.export import GENERATOR, embedded, record
from .report import Report
from .sections import Section, written

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4;
  --paper: #ffffff; --card: #f6f8fa; --average: #0072b2; --attack: #b34700; --proof: #00735a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #3a424d;
  --paper: #10151b; --card: #1a212a; --average: #56b4e9; --attack: #ff9a56; --proof: #2fc79b } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem }
p, li { max-width: 46rem } p { margin: .4rem 0 } ul { padding-left: 1.2rem; margin: .4rem 0 }
.lead { font-size: 1.08rem }
.name { margin: 1.25rem 0 .35rem; color: var(--soft) }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem }
.card { background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--c);
  border-radius: 6px; padding: .7rem .9rem }
.card b { display: block; color: var(--c); font-size: .95rem }
.card .n { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere }
.card small { color: var(--soft) }
.average { --c: var(--average) } .attack { --c: var(--attack) } .certificate { --c: var(--proof) }
.scroll { overflow-x: auto; margin: .6rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem }
th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }
th { color: var(--soft); font-weight: 600 }
.note { color: var(--soft) }
.lens { margin: .75rem 0 }
@media print { body { max-width: none; padding: 0 } .card, tr, .lens { break-inside: avoid } }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{generator}
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="lead">{headline}</p>
{cards}
{lenses}
{sections}
<h2>Method</h2>
{method}
<h2>Caveats</h2>
{caveats}
</main>
{scripts}
</body>
</html>
"""
_KINDS = {
    "average": "average: the mean change",
    "attack": "attack: the largest that was found",
    "certificate": "certificate: no input moves more",
}


def page(report: Report) -> str:
    """The report as one self-contained page."""
    records = [
        record(flow, cutoff=min(flow.scale.cutoffs, key=lambda c: abs(c - report.cutoff)))
        for flow in report.flows.values()
    ]
    places, scripts = embedded(records)
    return _PAGE.format(
        generator=GENERATOR,
        title=html.escape(report.title),
        style=_STYLE,
        headline=html.escape(report.headline),
        cards=_cards(report.influences),
        lenses="\n".join(
            f'<h2>{html.escape(name)}</h2>\n<div class="lens">{place}</div>'
            for name, place in zip(report.flows, places, strict=True)
        ),
        sections="\n".join(map(_section, report.sections)),
        method=_listed(report.method),
        caveats=_listed(report.caveats),
        scripts=scripts,
    )


def _cards(influences: Mapping[str, Influence]) -> str:
    return "\n".join(
        f'<p class="name">{html.escape(name)}</p>\n<div class="cards">'
        + "".join(_card(curve, getattr(influence, curve)) for curve in _KINDS)
        + "</div>"
        for name, influence in influences.items()
    )


def _card(curve: str, bound: Bound) -> str:
    said = ", ".join(part for part in (bound.kind, bound.quantifier) if part)
    kind = ": ".join(part for part in (said, bound.how) if part) if bound else bound.how
    return (
        f'<div class="card {curve}"><b>{_KINDS[curve]}</b>'
        f'<span class="n">{html.escape(written(bound))}</span>'
        f"<small>{html.escape(kind)}</small></div>"
    )


def _section(section: Section) -> str:
    title = f"<h2>{html.escape(section.title)}</h2>"
    note = f'<p class="note">{html.escape(section.note)}</p>' if section.note else ""
    return "\n".join(part for part in (title, note, _table(section)) if part)


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = _row("th", section.header)
    body = "".join(_row("td", row) for row in section.rows)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"


def _listed(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(s)}</li>" for s in sentences) + "</ul>"
