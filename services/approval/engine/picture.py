"""The picture of a flow as SVG, black on white, and as pages of A4."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from approval.engine.layout import EVENT, FONT, GAP, LINE, Box, Drawing, Edge, Shape, clean

FAMILY = "'Noto Sans CJK SC', 'WenQuanYi Zen Hei', 'Microsoft YaHei', sans-serif"
# what a sheet of A4 holds within its margins, in pixels of 1/96 inch: 182 mm by 245 mm, and the title above
PAGE_WIDTH, PAGE_HEIGHT, TITLE = 688.0, 926.0, 40.0
INK = 'fill="#fff" stroke="#000" stroke-width="1.4"'


def svg(drawing: Drawing, title: str) -> str:
    """One picture with its title above; whoever prints it gets it on one sheet of A4."""
    inner = _drawn(drawing)
    width, height = max(drawing.width, 320.0), drawing.height + TITLE
    scale = min(1.0, PAGE_WIDTH / width, PAGE_HEIGHT / height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:g}" height="{height * scale:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{FAMILY}" font-size="{FONT}" role="img">'
        f"<title>{escape(title)}</title>{_ARROW}"
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
        f'<text x="20" y="26" font-size="17" font-weight="bold">{escape(title)}</text>'
        f'<g transform="translate(0 {TITLE:g})">{inner}</g></svg>'
    )


def pages(drawing: Drawing, title: str, note: str) -> str:
    """HTML of the picture on sheets of A4, as large as the width allows; a long flow goes on on the next sheet, cut
    where no shape stands.
    """
    inner = _drawn(drawing)
    scale = min(1.0, PAGE_WIDTH / drawing.width)
    sheets = []
    for top, bottom in _cuts(drawing, (PAGE_HEIGHT - TITLE) / scale):
        height = bottom - top
        sheets.append(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width * scale:g}" height="{height * scale:g}" '
            f'viewBox="0 {top:g} {drawing.width:g} {height:g}" font-family="{FAMILY}" font-size="{FONT}">'
            f"{_ARROW}{inner}</svg>"
        )
    body = "".join(f"<section><h1>{escape(title)}</h1>{sheet}</section>" for sheet in sheets)
    foot = f'content: "{_css(note)}  " counter(page) " / " counter(pages); font: 8pt {FAMILY};'
    style = (
        f"@page {{ size: A4; margin: 14mm; @bottom-right {{ {foot} }} }} body {{ margin: 0; font-family: {FAMILY}; }}"
        " h1 { font-size: 13pt; margin: 0 0 3mm; } section { break-after: page; }"
        " section:last-child { break-after: auto; }"
    )
    return f'<!doctype html><html><head><meta charset="utf-8"><style>{style}</style></head><body>{body}</body></html>'


def _cuts(drawing: Drawing, room: float) -> list[tuple[float, float]]:
    """From where to where each sheet shows."""
    boxes = [box for shape in drawing.shapes for box in (shape.box, shape.label) if box]
    boxes += [edge.label for edge in drawing.edges if edge.label]
    cuts, top = [], 0.0
    while drawing.height - top > room:
        wanted = top + room
        free = [y for y in (box.y - GAP / 2 for box in boxes) if top + room / 3 < y <= wanted and _free(boxes, y)]
        bottom = max(free, default=wanted)
        cuts.append((top, bottom))
        top = bottom
    return [*cuts, (top, drawing.height)]


def _free(boxes: Iterable[Box], y: float) -> bool:
    return not any(box.y < y < box.y + box.height for box in boxes)


_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 1 L9 5 L0 9 z"/></marker></defs>'
)


def _drawn(drawing: Drawing) -> str:
    return "".join([*map(_line, drawing.edges), *map(_shape, drawing.shapes)])


def _line(edge: Edge) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in edge.points)
    line = f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="1.2" marker-end="url(#arrow)"/>'
    return line + (_text(edge.label.x, edge.label.y, edge.title, edge.details) if edge.label else "")


def _shape(shape: Shape) -> str:
    box = shape.box
    x, y = box.middle
    match shape.look.shape:
        case "task":
            dashed = ' stroke-dasharray="5 3"' if shape.look.element == "sendTask" else ""
            at = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
            drawn = f'<rect {at} rx="6" {INK}{dashed}/>'
            lines = LINE * (len(shape.title) + len(shape.details))
            return drawn + _text(x, y - lines / 2, shape.title, shape.details, anchor="middle")
        case "gateway":
            corners = f"{x:g},{box.y:g} {box.x + box.width:g},{y:g} {x:g},{box.y + box.height:g} {box.x:g},{y:g}"
            sign = "+" if shape.look.element == "parallelGateway" else "×"
            drawn = f'<polygon points="{corners}" {INK}/>'
            drawn += f'<text x="{x:g}" y="{y + 9:g}" font-size="26" text-anchor="middle">{sign}</text>'
        case _:
            double = f'<circle cx="{x:g}" cy="{y:g}" r="{EVENT / 2 - 4:g}" fill="none" stroke="#000"/>'
            thick = ' style="stroke-width:3"' if shape.id == "End" else ""
            drawn = f'<circle cx="{x:g}" cy="{y:g}" r="{EVENT / 2:g}" {INK}{thick}/>'
            drawn += double if shape.look.definition else ""
    return drawn + (_text(shape.label.x, shape.label.y, shape.title, shape.details) if shape.label else "")


def _text(x: float, y: float, title: Sequence[str], details: Sequence[str], anchor: str = "start") -> str:
    """Lines below each other, from `y` downward; the first ones are bold."""
    said = ""
    for number, line in enumerate((*title, *details)):
        bold = ' font-weight="bold"' if number < len(title) else ""
        at = y + LINE * number + FONT
        said += f'<text x="{x:g}" y="{at:g}" text-anchor="{anchor}"{bold}>{escape(line)}</text>'
    return said


def escape(text: str) -> str:
    return html.escape(clean(text))


def _css(text: str) -> str:
    """Text within a CSS string."""
    return "".join(f"\\{ord(sign):x} " if sign in '"\\<>\n' else sign for sign in text)
