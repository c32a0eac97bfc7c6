"""`--benchmark-histogram`: a picture of boxes and whiskers, as SVG.

The box reaches from the first to the third quartile, its line is the median; whiskers end at the last
round within 1.5 times the box, and dots are the fastest and the slowest round.
"""
import re
from html import escape

_ROW, _LEFT, _WIDTH, _TOP = 28, 300, 640, 56


def _path(prefix, label):
    name = prefix.name if label is None else "{}-{}".format(prefix.name, re.sub(r"[^\w.=\[\]-]+", "_", str(label)))
    return prefix.with_name(name + ".svg")


def _row(at, row, scale, factor, unit):
    y = _TOP + at * _ROW + _ROW / 2
    low, q1, median, q3, high = (scale(row[key]) for key in ("ld15iqr", "q1", "median", "q3", "hd15iqr"))
    facts = ", ".join("{} {:,.4f}".format(key, row[key] * factor) for key in ("min", "q1", "median", "q3", "max"))
    name = escape(str(row["name"]))
    box = max(q3 - q1, 1)
    return (
        '<g><title>{name}: {facts} {unit}s, {rounds} rounds</title>'
        '<text x="{text}" y="{base:.1f}" text-anchor="end">{name}</text>'
        '<path d="M{low:.1f} {y:.1f}H{q1:.1f}M{q3:.1f} {y:.1f}H{high:.1f}" stroke="#456"/>'
        '<rect x="{q1:.1f}" y="{top:.1f}" width="{box:.1f}" height="14" fill="#9bd" stroke="#456"/>'
        '<path d="M{median:.1f} {top:.1f}v14" stroke="#123" stroke-width="2"/>'
        '<circle cx="{least:.1f}" cy="{y:.1f}" r="2"/><circle cx="{most:.1f}" cy="{y:.1f}" r="2"/></g>'
    ).format(
        name=name, facts=facts, unit=unit, rounds=row["rounds"], text=_LEFT - 10, base=y + 4, y=y, top=y - 7, low=low,
        q1=q1, q3=q3, high=high, box=box, median=median, least=scale(row["min"]), most=scale(row["max"]))


def make_histogram(output_prefix, name, benchmarks, unit, adjustment):
    """Writes the picture of one group of benchmarks, and returns its path."""
    path = _path(output_prefix, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    # One very slow round would press all boxes into a line: dots beyond the picture stay at its edge.
    most = max(row["hd15iqr"] for row in benchmarks) * 1.1 or 1.0

    def scale(value):
        return _LEFT + min(value / most, 1.0) * _WIDTH

    height = _TOP + _ROW * len(benchmarks) + 40
    title = escape("Speed in {}s{}".format(unit, "" if name is None else ": {}".format(name)))
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
        'font-family="sans-serif" font-size="12" fill="none"><g fill="#123">'.format(w=_LEFT + _WIDTH + 40, h=height),
        '<rect width="100%" height="100%" fill="#fff"/><text x="{}" y="28" font-size="16">{}</text>'.format(_LEFT, title),
    ]
    for step in range(6):
        x = _LEFT + _WIDTH * step / 5
        parts.append(
            '<path d="M{x:.1f} {top}V{bottom}" stroke="#ddd"/><text x="{x:.1f}" y="{label}" text-anchor="middle">'
            '{value:,.4g}</text>'.format(
                x=x, top=_TOP - 8, bottom=height - 32, label=height - 14, value=most * step / 5 * adjustment))
    parts += [_row(at, row, scale, adjustment, unit) for at, row in enumerate(benchmarks)]
    parts.append("</g></svg>\n")
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
