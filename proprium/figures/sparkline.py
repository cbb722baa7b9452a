"""Sparklines: the last hours or days of a property as a small inline SVG line."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, EDGE = 96, 28, 2


def sparkline(values: Sequence[float]) -> str:
    """Draws a sparkline as an `<svg>` element in the CSS colour of its parent (`currentColor`).

    The SVG contains only numbers, so that nothing has to be escaped.
    """
    line = path(values)
    area = f"{line} L{WIDTH - EDGE} {HEIGHT} L{EDGE} {HEIGHT} Z" if line else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" fill="none" aria-hidden="true" '
        f'preserveAspectRatio="none" class="spark"><path d="{area}" fill="currentColor" opacity=".12"/>'
        f'<path d="{line}" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def path(values: Sequence[float]) -> str:
    """Returns the SVG path from left to right, the highest value at the top, 0 at the bottom; empty for no values."""
    if not values:
        return ""
    points = list(values) if len(values) > 1 else [values[0]] * 2
    highest = max(*points, 0) or 1
    step = (WIDTH - 2 * EDGE) / (len(points) - 1)
    height = HEIGHT - 2 * EDGE
    coordinates = [
        (EDGE + index * step, EDGE + height * (1 - max(value, 0) / highest)) for index, value in enumerate(points)
    ]
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in coordinates)
