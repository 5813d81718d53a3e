"""Which rain a dataset holds, and which it lacks: frames of kept scenes by orientation, size, shape and density, on fixed scales.

The paper examines each of its sets for rain that varies in shape, direction and size (Cho et al. 2020, sec. III); density is added. The
scales do not depend on the data, so that datasets can be compared.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from curate.report.counts import Tables
from manifests.tables import Rain, Scene

TILT_EDGES_DEG = (15, 30, 45)  # from vertical; a streak leans left when its upper end lies left of its foot
LENGTH_EDGES_PX = (15, 40)
SHAPE_EDGES = (8, 20)  # length to width
COVER_EDGES = (0.03, 0.1)  # share of the pixels
SCALES: dict[str, tuple[str, ...]] = {
    "orientation": ("left 45-90°", "left 30-45°", "left 15-30°", "upright", "right 15-30°", "right 30-45°", "right 45-90°"),
    "size": ("short", "medium", "long"),
    "shape": ("stout", "slender", "fine"),
    "density": ("light", "moderate", "heavy"),
}
LEGEND = {
    "orientation": "degrees from vertical, upright within 15°",
    "size": "streak length: short under 15 px, long from 40 px",
    "shape": "length to width: stout under 8, fine from 20",
    "density": "cover: light under 0.03, heavy from 0.1",
}
# Groups of orientations that can be said in words, wide ones first
ORIENTATIONS: dict[str, frozenset[int]] = {
    "beyond 15°": frozenset((0, 1, 2, 4, 5, 6)),
    "leaning left": frozenset((0, 1, 2)),
    "leaning right": frozenset((4, 5, 6)),
    "beyond 30°": frozenset((0, 1, 5, 6)),
    "beyond 45°": frozenset((0, 6)),
    "between 15° and 30°": frozenset((2, 4)),
    "between 30° and 45°": frozenset((1, 5)),
    "upright": frozenset((3,)),
    "leaning left beyond 30°": frozenset((0, 1)),
    "leaning right beyond 30°": frozenset((5, 6)),
    "leaning left 15-30°": frozenset((2,)),
    "leaning left 30-45°": frozenset((1,)),
    "leaning left beyond 45°": frozenset((0,)),
    "leaning right 15-30°": frozenset((4,)),
    "leaning right 30-45°": frozenset((5,)),
    "leaning right beyond 45°": frozenset((6,)),
}
HARDLY = 0.005  # share of the frames: what fewer show is as good as missing
UNLIKELY = ({"size": "short", "shape": "fine"}, {"size": "long", "shape": "stout"})  # under 1 px wide, or a hand's breadth: not missed

Cell = tuple[int, int, int, int]  # places on SCALES


@dataclass(frozen=True, slots=True)
class FrameLook:
    """How the rain of one frame of a kept scene looks."""

    scene_id: str
    orientation_deg: float  # 0 = image right, counter-clockwise, modulo 180
    length_px: float
    width_px: float
    cover: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Frames, and scenes that have any, by cell; cells without any are left out."""

    frames: dict[Cell, int]
    scenes: dict[Cell, int]

    @property
    def total(self) -> int:
        """All frames."""
        return sum(self.frames.values())

    def count(self, **wanted: frozenset[int]) -> int:
        """Frames in the cells that lie, on each named scale, in one of the wanted places."""
        places = {list(SCALES).index(name): among for name, among in wanted.items()}
        return sum(number for cell, number in self.frames.items() if all(cell[scale] in among for scale, among in places.items()))


def frame_looks(tables: Tables) -> list[FrameLook]:
    """The frames of the kept scenes whose rain was measured."""
    rain = {row.segment_id: row for row in tables.rain}
    first = {row.segment_id: row.first_frame for row in tables.segments}
    return [
        look
        for scene in tables.kept_scenes
        if scene.segment_id in rain and scene.segment_id in first
        for look in _looks(scene, rain[scene.segment_id], first[scene.segment_id])
    ]


def coverage(looks: Iterable[FrameLook]) -> Coverage:
    """Count frames and scenes by cell."""
    frames: Counter[Cell] = Counter()
    scenes: dict[Cell, set[str]] = {}
    for look in looks:
        cell = cell_of(look)
        frames[cell] += 1
        scenes.setdefault(cell, set()).add(look.scene_id)
    return Coverage(dict(frames), {cell: len(names) for cell, names in scenes.items()})


def cell_of(look: FrameLook) -> Cell:
    """The frame's places on the scales."""
    tilt_deg = (look.orientation_deg % 180) - 90  # above 0: the upper end leans left
    away = bisect_right(TILT_EDGES_DEG, abs(tilt_deg))
    shape = look.length_px / max(look.width_px, 1e-6)
    return (
        3 - away if tilt_deg > 0 else 3 + away,
        bisect_right(LENGTH_EDGES_PX, look.length_px),
        bisect_right(SHAPE_EDGES, shape),
        bisect_right(COVER_EDGES, look.cover),
    )


def missing(found: Coverage) -> list[str]:
    """What the dataset lacks, in words, from the widest gap to the narrowest: `nothing heavy beyond 30°`.

    A gap is a class of one scale, or of two together, that at most HARDLY of the frames show; one that lies in a gap already told is not
    told again. Empty where no rain was measured at all.
    """
    told: list[dict[str, frozenset[int]]] = []
    words = []
    for classes in _classes():
        box = {name: places for name, (_, places) in classes.items()}
        if any(all(name in box and box[name] <= places for name, places in wider.items()) for wider in told):
            continue
        number = found.count(**box)
        if found.total and number <= HARDLY * found.total:
            told.append(box)
            words.append(_said({name: word for name, (word, _) in classes.items()}, number))
    return words


def rows(found: Coverage) -> list[dict[str, str | int]]:
    """The cells that hold frames, in the scales' order, for machines."""
    names = [*SCALES]
    return [
        {name: SCALES[name][place] for name, place in zip(names, cell, strict=True)}
        | {"frames": found.frames[cell], "scenes": found.scenes[cell]}
        for cell in sorted(found.frames)
    ]


def table(found: Coverage) -> list[tuple[str, str, str, list[int]]]:
    """Density, size and shape of each line that can be, with its frames by orientation."""
    return [
        (density, size, shape, [found.frames.get((place, length, across, dense), 0) for place in range(len(SCALES["orientation"]))])
        for dense, density in enumerate(SCALES["density"])
        for length, size in enumerate(SCALES["size"])
        for across, shape in enumerate(SCALES["shape"])
        if {"size": size, "shape": shape} not in UNLIKELY or any(cell[1:] == (length, across, dense) for cell in found.frames)
    ]


def told(found: Coverage) -> str:
    """Table and gaps as text."""
    if not found.total:
        return "no rain was measured in kept scenes; `curate sequences` makes scenes"
    heads = SCALES["orientation"]
    lines = [f"frames of kept scenes: {found.total}", " " * 26 + "".join(f"{head:>14}" for head in heads)]
    for density, size, shape, numbers in table(found):
        lines.append(f"{density:9} {size:7} {shape:8}" + "".join(f"{number or '.':>14}" for number in numbers))
    lines += [f"{name}: {meaning}" for name, meaning in LEGEND.items()]
    return "\n".join([*lines, "missing:", *([f"  {gap}" for gap in missing(found)] or ["  nothing"])])


def _looks(scene: Scene, rain: Rain, first_frame: int) -> Iterator[FrameLook]:
    for index in scene.frame_index:
        place = index - first_frame
        if not 0 <= place < len(rain.frame_cover):
            continue
        orientation, length, width = rain.frame_orientation_deg[place], rain.frame_length_px[place], rain.frame_width_px[place]
        if orientation is not None and length is not None and width is not None:
            yield FrameLook(scene.scene_id, orientation, length, width, rain.frame_cover[place])


def _classes() -> Iterator[dict[str, tuple[str, frozenset[int]]]]:
    """Each class of one scale, then each pair of classes of two scales that can be: word and places by scale."""
    of_scale = {"orientation": [*ORIENTATIONS.items()]}
    for name in ("size", "shape", "density"):
        of_scale[name] = [(word, frozenset((place,))) for place, word in enumerate(SCALES[name])]
    for name, options in of_scale.items():
        yield from ({name: option} for option in options)
    for one, other in combinations(of_scale, 2):
        for first, second in product(of_scale[one], of_scale[other]):
            if {one: first[0], other: second[0]} not in UNLIKELY:
                yield {one: first, other: second}


def _said(words: dict[str, str], number: int) -> str:
    """`nothing heavy beyond 30°`."""
    kinds = [words[name] for name in ("density", "size", "shape") if name in words]
    where = [words["orientation"]] if "orientation" in words else []
    few = [f"({number} {'frame' if number == 1 else 'frames'})"] if number else []
    return " ".join(word for word in ["hardly anything" if number else "nothing", " and ".join(kinds), *where, *few] if word)
