"""A lifecycle as a picture: lanes of boxes, failures below, strikes above. Pixels."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from lifeguard.graph.notes import notes, stays
from lifeguard.graph.shape import Edge, shape
from lifeguard.lifecycle.state import DETOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifeguard.graph.shape import Shape
    from lifeguard.lifecycle import Kind, Lifecycle

MARGIN = 24
LINE, TITLE = 15, 26
"""Heights of a line of text in a box, and of the name above them."""
LEVEL = 18
"""Between two strikes that lead over one another, for the text on each."""
FAILURE, DROP, INDENT = 40, 14, 28
"""A failure's box: its height, how far it is below, and how far to the right."""
LANE_GAP = 34
NAME_WIDTH, TEXT_WIDTH = 7.7, 6.3
"""Of a letter on average; no font is asked."""

STYLE = """\
text { font: 11px "DejaVu Sans", Verdana, sans-serif; fill: #333 }
.name { font-size: 12px; font-weight: bold; fill: #111 }
.request { fill: #0b4f8a; font-weight: bold }
.halo { stroke: #fff; stroke-width: 4px; paint-order: stroke }
rect { rx: 6px; stroke-width: 1.5px }
.failed { fill: #fdecec; stroke: #b3261e }
.busy { fill: #fff7e0; stroke: #8a6100 }
.still { fill: #e8f1fb; stroke: #27598c }
.well { fill: #e4f5e6; stroke: #23722b }
path { fill: none; stroke: #333; stroke-width: 1.5px; stroke-linejoin: round }
.strike { stroke: #8a6100; stroke-dasharray: 5 3 }
.failure { stroke: #b3261e }
.detour { stroke: #bbb; stroke-dasharray: 1 4; stroke-linecap: round }
.page { fill: #fff; stroke: none }
marker path { fill: context-stroke; stroke: none }
"""
"""The colours of a picture that stands by itself."""

_ARROW = """\
<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8"
 markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/>
</marker>"""

_LEGEND = (
    "to the right: what usually follows",
    "dashed: a strike, tried again",
    "dotted: the image is set aside",
    "below: what is given up to",
    "bold: a request",
)


class Box(NamedTuple):
    """Where a state is drawn."""

    lane: int
    column: int
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + TITLE / 2 + 2


def as_svg(lifecycle: Lifecycle) -> str:
    """A whole SVG document, on white."""
    drawn = shape(lifecycle)
    page = Page(lifecycle, drawn)
    parts = [
        *(part for move in drawn.moves for part in page.move(move)),
        *(part for strike in drawn.strikes for part in page.strike(strike)),
        *(part for name in page.boxes for part in page.state(name)),
        *(
            _text(MARGIN, page.foot + number * LINE, line)
            for number, line in enumerate(_LEGEND)
        ),
    ]
    size = f'width="{page.width:.0f}" height="{page.height:.0f}"'
    box = f'viewBox="0 0 {page.width:.0f} {page.height:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>',
            f"<style>{STYLE}</style>",
            f"<defs>{_ARROW}</defs>",
            '<path d="M0 0H99999V99999H0z" class="page"/>',
            *parts,
            "</svg>",
        ]
    )


class Page:
    """Measures a shape, and draws its parts where they belong."""

    def __init__(self, lifecycle: Lifecycle, drawn: Shape) -> None:
        self._lifecycle, self._drawn = lifecycle, drawn
        self._lines = {name: list(self._lines_of(name)) for name in lifecycle.states}
        self.boxes: dict[str, Box] = {}
        self._levels: dict[Edge, int] = {}
        self.foot = float(MARGIN)
        """Below all that has been placed by now."""
        for number, lane in enumerate(drawn.lanes):
            self._place(number, lane)
        legend = TEXT_WIDTH * max(map(len, _LEGEND))
        right = max(box.right for box in self.boxes.values())
        self.width = max(right, MARGIN + legend) + MARGIN
        self.height = self.foot + LINE * len(_LEGEND) + MARGIN

    def _place(self, number: int, lane: dict[int, str]) -> None:
        """Give the lane's states their boxes, below what leads back over them."""
        over = self._strikes_within(lane)
        self._levels |= {strike: level for level, strike in enumerate(over, 1)}
        top = self.foot + LEVEL * len(over) + (LEVEL / 2 if over else 0)
        width = self._box_width()
        labels = [", ".join(move.events) for move in self._drawn.moves]
        pitch = width + 30 + TEXT_WIDTH * max(map(len, labels), default=0)
        for column, name in lane.items():
            height = TITLE + LINE * len(self._lines[name])
            x = MARGIN + column * pitch
            self.boxes[name] = Box(number, column, x, top, width, height)
        self.foot = max(map(self._lowest, lane.values())) + LANE_GAP

    def state(self, name: str) -> Iterator[str]:
        """A state's box, and those of its failures."""
        box, kind = self.boxes[name], self._lifecycle.kind(name)
        lines = [
            _text(box.x + 10, box.y + 18 + number * LINE, line, style)
            for number, (line, style) in enumerate(self._lines[name], 1)
        ]
        rect = _rect(box.x, box.y, box.width, box.height, kind)
        yield _state(name, rect, _text(box.x + 10, box.y + 18, name, "name"), *lines)
        for number, failure in enumerate(self._drawn.failures[name], 1):
            y = box.bottom + number * (FAILURE + DROP) - FAILURE
            x = box.x + INDENT
            yield _path(f"M{x - 10} {box.bottom}V{y + 14}H{x}", "failure")
            yield _state(
                failure.target,
                _rect(x, y, box.width - INDENT, FAILURE, "failed"),
                _text(x + 10, y + 17, failure.target, "name"),
                _text(x + 10, y + 31, ", ".join(failure.events)),
            )

    def move(self, move: Edge) -> Iterator[str]:
        """What usually follows."""
        source, target = self.boxes[move.source], self.boxes[move.target]
        start, end = (source.right, source.middle), (target.x, target.middle)
        if source.lane != target.lane:
            end = (target.x, target.middle + 12)
        bend = (start[0] + 40, end[0] - 40)
        if source.lane == target.lane and target.column > source.column:
            bend = start[0], end[0]
        is_detour = DETOURS.issuperset(move.events)
        yield _path(
            f"M{start[0]} {start[1]}C{bend[0]} {start[1]} {bend[1]} {end[1]}"
            f" {end[0]} {end[1]}",
            "detour" if is_detour else "move",
        )
        if not is_detour:
            events = ", ".join(move.events)
            yield _text(source.right + 8, source.middle - 5, events, "halo")

    def strike(self, strike: Edge) -> Iterator[str]:
        """What is tried again; a state that is itself tried again says so."""
        source, target = self.boxes[strike.source], self.boxes[strike.target]
        if strike.source == strike.target:
            return
        events = ", ".join(strike.events)
        if strike not in self._levels:
            yield from self._across(source, target, events)
            return
        level = self._levels[strike]
        over = source.y - level * LEVEL
        start = source.x + source.width * 0.7
        end = target.x + target.width * 0.5 - level * 14
        yield _path(f"M{start} {source.y}V{over}H{end}V{target.y}", "strike")
        yield _text(start - 6, over - 4, events, "halo", anchor="end")

    def _across(self, source: Box, target: Box, events: str) -> Iterator[str]:
        """From lane to lane, from the left edge of one to the top of the other."""
        down = target.y > source.y
        start = source.x + 8, source.bottom if down else source.y
        end = target.x + target.width * 0.8, target.y if down else target.bottom
        half = (start[1] + end[1]) / 2
        yield _path(
            f"M{start[0]} {start[1]}C{start[0]} {half} {end[0]} {half}"
            f" {end[0]} {end[1]}",
            "strike",
        )
        below = start[1] + (14 if down else -6)
        yield _text(start[0] - 6, below, events, "halo", anchor="end")

    def _lines_of(self, name: str) -> Iterator[tuple[str, str]]:
        """What is written into a state's box, each line with its style."""
        figures = list(notes(self._lifecycle, name))
        if figures:
            yield ", ".join(figures[:2]), ""
        for more in (*figures[2:], *stays(self._lifecycle, name)):
            yield more, ""
        for strike in self._drawn.strikes:
            if strike.source == strike.target == name:
                yield f"{', '.join(strike.events)}: again", ""
        if requests := self._drawn.requests.get(name):
            yield ", ".join(requests), "request"

    def _box_width(self) -> float:
        names = [INDENT + NAME_WIDTH * len(name) for name in self._lines]
        lines = [
            TEXT_WIDTH * len(line) for each in self._lines.values() for line, _ in each
        ]
        return 20 + max([*names, *lines])

    def _strikes_within(self, lane: dict[int, str]) -> list[Edge]:
        """Those that lead back within a lane, the shortest first."""
        column = {name: number for number, name in lane.items()}
        within = [
            strike
            for strike in self._drawn.strikes
            if strike.source in column
            and strike.target in column
            and strike.source != strike.target
        ]
        return sorted(within, key=lambda e: abs(column[e.source] - column[e.target]))

    def _lowest(self, name: str) -> float:
        failures = len(self._drawn.failures[name])
        return self.boxes[name].bottom + failures * (FAILURE + DROP)


def _rect(x: float, y: float, width: float, height: float, kind: Kind) -> str:
    where = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {where} class="{kind}"/>'


def _state(name: str, *parts: str) -> str:
    """What belongs together, so that a page can light it."""
    return f'<g data-state="{escape(name)}">{"".join(parts)}</g>'


def _path(way: str, style: str) -> str:
    return f'<path d="{way}" class="{style}" marker-end="url(#arrow)"/>'


def _text(
    x: float, y: float, text: str, style: str = "", *, anchor: str = "start"
) -> str:
    where = f'x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}"'
    return f"<text {where}>{escape(text)}</text>"
