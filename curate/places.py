"""Scenes of one place, however often uploaded: re-encoded, resized, cropped, mirrored, in another light.

A scene is known by its temporal median, which holds no rain, reduced to a local ternary pattern (after Tan and Triggs 2010): each of 96x96
cells is brighter than its surroundings, darker, or neither. So neither light nor codec counts for much, and the pattern fits a column.
A copy may show a part of the picture only. So the patterns of all scenes are first compared coarsely with 784 crops of each other, one
matrix product a scene; the few pairs that come near are aligned by an affine warp (Evangelidis and Psarakis 2008) and compared block by
block in fine detail. Two thirds of the blocks must agree well, which leaves room for logos, tickers and changed things.

Many scenes of one camera lie on each other as they are: they are found first, and one of them stands for all.

Links can be wrong, so they do not simply chain: two clusters join when at least half of all pairs between them are linked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise, product

import cv2
import numpy as np
import numpy.typing as npt

Pattern = npt.NDArray[np.float32]  # (SIDE, SIDE): 1 brighter than the surroundings, -1 darker, 0 neither
Vectors = npt.NDArray[np.float32]

SIDE = 96  # cells a side
SURROUNDINGS = 25  # side of the box that a cell is compared with, cells
FAINT_LEVELS = 1.0  # grey levels: weaker contrast (dark, fog) is what codecs leave of noise
BLOCK = 24  # cells a side: patterns are compared block by block
LEAST_BLOCKS = 6  # of 16 that hold texture, for a picture to be told by
LEAST_TEXTURE = 0.2  # share of a block's cells that are brighter or darker than their surroundings

VIEW_SIDE = 12  # cells a side of a crop when all are compared with all
SPANS = [(at, 1.0 - step / 20) for step in range(7) for at in np.arange(step + 1) / 20]  # of a side: where a crop begins, its size
NEAR = 0.55  # correlation of two such crops from which a pair is looked at closely; 10 % cropped copies have at least .65
NEAR_AS_IT_IS = 0.3  # of the whole pictures from which these are tried as well, since a logo may lead to a wrong crop
FINE = 13  # side of the box, cells: what is coarser does not count in the close look, since streets and skylines are coarsely alike
MAY_DIFFER = 1 / 3  # of the blocks: logos, tickers, changed things; at a half, rows of like windows pass for one another
SIMILAR = 3  # others that a scene is compared with as they lie
ROUGHLY_ALIGNED = 0.35  # correlation at half the scale from which aligning goes on
LEAST_OVERLAP = 0.5  # of the one picture's area must lie in the other's
LEAST_AREA = 0.3  # of the other picture's area must be seen

_STOP = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT


@dataclass(frozen=True, slots=True)
class Link:
    """Two scenes, by their numbers, that show one place."""

    one: int
    other: int
    resemblance: float


def place_hash(picture: npt.NDArray[np.uint8]) -> str | None:
    """The local ternary pattern of a picture (HWC RGB or HW), hex; null for one too dark, foggy or empty to tell places by."""
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if min(grey.shape) >= SIDE else cv2.INTER_LINEAR
    cells = cv2.resize(grey, (SIDE, SIDE), interpolation=how).astype(np.float32)
    contrast = cells - cv2.blur(cells, (SURROUNDINGS, SURROUNDINGS))
    faint = max(FAINT_LEVELS, 0.5 * float(np.median(np.abs(contrast))))
    textured = _blocks(np.asarray(np.abs(contrast) > faint, np.float32)).mean(axis=1) >= LEAST_TEXTURE
    if textured.sum() < LEAST_BLOCKS:
        return None
    return np.packbits(np.stack([contrast > faint, contrast < -faint])).tobytes().hex()


def links(hashes: Sequence[str], least_resemblance: float) -> list[Link]:
    """The pairs of scenes that show one place, mirrored or not, in order of their numbers.

    `least_resemblance`: a correlation, which the aligned fine detail must reach in two thirds of the pictures' blocks.
    """
    patterns = [_pattern(stored) for stored in hashes]
    alike = _lying_on_each_other(patterns, least_resemblance)
    firsts = [patterns[group[0]] for group in alike]
    best: dict[tuple[int, int], float] = {}
    for one, other, mirrored, view in _near(firsts):
        seen = firsts[other][:, ::-1] if mirrored else firsts[other]
        pair = min(one, other), max(one, other)
        if best.get(pair, 0.0) < least_resemblance:
            best[pair] = max(best.get(pair, 0.0), resemblance(firsts[one], np.ascontiguousarray(seen), view))
    within = [(one, other, 1.0) for group in alike for one, other in combinations(group, 2)]
    between = [
        (min(one, other), max(one, other), found)
        for pair, found in best.items()
        if found >= least_resemblance
        for one, other in product(alike[pair[0]], alike[pair[1]])
    ]
    return [Link(*found) for found in sorted([*within, *between])]


def clusters(count: int, known: Sequence[Sequence[int]], found: Sequence[Link]) -> list[list[int]]:
    """Scenes 0 to count - 1 in clusters of one place: the `known` ones, joined where half of all pairs between two are linked.

    The surest links come first. Clusters and scenes are in order of their numbers.
    """
    cluster = {scene: {scene} for scene in range(count)}
    linked: dict[int, set[int]] = defaultdict(set)
    for link in found:
        linked[link.one].add(link.other)
        linked[link.other].add(link.one)

    def join(one: set[int], other: set[int]) -> None:
        one |= other
        cluster.update(dict.fromkeys(other, one))

    for place in known:
        for before, after in pairwise(place):
            if cluster[before] is not cluster[after]:
                join(cluster[before], cluster[after])
    waiting = sorted(found, key=lambda link: (-link.resemblance, link.one, link.other))
    changed = True
    while changed:
        changed = False
        for link in waiting:
            one, other = cluster[link.one], cluster[link.other]
            if one is not other and 2 * sum(len(linked[scene] & other) for scene in one) >= len(one) * len(other):
                join(one, other)
                changed = True
        waiting = [link for link in waiting if cluster[link.one] is not cluster[link.other]]
    return sorted(sorted(scenes) for scenes in {id(scenes): scenes for scenes in cluster.values()}.values())


def resemblance(pattern: Pattern, other: Pattern, view: int) -> float:
    """How alike two patterns are where they overlap, once the other is aligned with a view (see `_views`) of the first; 0 where it is not.

    The correlation of fine detail that two thirds of the blocks reach.
    """
    first, second = (np.asarray(cv2.GaussianBlur(cells, (0, 0), 1.0), np.float32) for cells in (pattern, other))
    (top, height), (left, width) = SPANS[view // len(SPANS)], SPANS[view % len(SPANS)]
    warp = _aligned(first, second, np.array([[width, 0, left * SIDE + width / 2 - 0.5], [0, height, top * SIDE + height / 2 - 0.5]]))
    if warp is None:
        return 0.0
    seen = np.asarray(cv2.warpAffine(np.ones_like(first), warp, (SIDE, SIDE), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP), np.float32)
    overlap = float(seen.mean())
    if overlap < LEAST_OVERLAP or overlap * abs(float(np.linalg.det(warp[:, :2]))) < LEAST_AREA:
        return 0.0
    aligned = np.asarray(cv2.warpAffine(first, warp, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.float32)
    found = _block_correlations(_fine(aligned), _fine(second), seen)
    return float(np.percentile(found, 100 * MAY_DIFFER)) if len(found) >= LEAST_BLOCKS else 0.0


def _lying_on_each_other(patterns: Sequence[Pattern], least_resemblance: float) -> list[list[int]]:
    """Groups of patterns that resemble their group's first one just as they lie."""
    wholes = np.zeros((len(patterns), VIEW_SIDE**2), np.float32)
    details = np.zeros((len(patterns), SIDE, SIDE), np.float32)
    groups: list[list[int]] = []
    everywhere = np.ones((SIDE, SIDE), np.float32)
    for number, pattern in enumerate(patterns):
        wholes[number] = _whole(pattern)
        details[number] = _fine(np.asarray(cv2.GaussianBlur(pattern, (0, 0), 1.0), np.float32))
        firsts = [group[0] for group in groups]
        for place in np.argsort(-(wholes[firsts] @ wholes[number]), kind="stable")[:SIMILAR]:
            found = _block_correlations(details[firsts[place]], details[number], everywhere)
            if len(found) >= LEAST_BLOCKS and float(np.percentile(found, 100 * MAY_DIFFER)) >= least_resemblance:
                groups[place].append(number)
                break
        else:
            groups.append([number])
    return groups


def _aligned(first: Pattern, second: Pattern, start: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
    """The affine warp (2x3) from the second pattern's cells to the first's, sought from a first guess, at half the scale before the whole;
    null where there is none to be found."""
    halves = [np.asarray(cv2.resize(cells, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA), np.float32) for cells in (first, second)]
    warp = np.asarray(start, np.float32)  # x of the whole scale is 2x + 1/2 of the half one's
    warp[:, 2] = (warp[:, 2] - 0.5) / 2 + warp[:, :2].sum(axis=1) / 4
    try:
        found, warp = cv2.findTransformECC(halves[1], halves[0], warp, cv2.MOTION_AFFINE, (_STOP, 30, 1e-3), None, 3)  # type: ignore[call-overload]
        if found < ROUGHLY_ALIGNED:
            return None
        warp[:, 2] = 2 * warp[:, 2] + 0.5 - warp[:, :2].sum(axis=1) / 2
        _, warp = cv2.findTransformECC(second, first, warp, cv2.MOTION_AFFINE, (_STOP, 15, 1e-4), None, 3)  # type: ignore[call-overload]
    except cv2.error:  # it does not converge
        return None
    return np.asarray(warp, np.float32)


def _near(patterns: Sequence[Pattern]) -> Iterator[tuple[int, int, bool, int]]:
    """Pairs worth a close look: (one, other, whether the other is mirrored, which view of the one its whole picture resembles).

    The surest view each way, and the whole picture.
    """
    wholes, mirrored = np.zeros((2, len(patterns), VIEW_SIDE**2), np.float32)
    for number, pattern in enumerate(patterns):
        wholes[number], mirrored[number] = _whole(pattern), _whole(pattern[:, ::-1])
    for one, pattern in enumerate(patterns):
        views = _views(pattern)
        for flipped, others in ((False, wholes), (True, mirrored)):
            likeness = views @ others.T
            surest = likeness.argmax(axis=0)
            for other in np.flatnonzero(likeness.max(axis=0) >= NEAR):
                if other != one:
                    tried = {int(surest[other]), *([0] if likeness[0, other] >= NEAR_AS_IT_IS else [])}
                    yield from ((one, int(other), flipped, view) for view in sorted(tried))


def _whole(pattern: npt.NDArray[np.float32]) -> Vectors:
    """The whole picture, shrunk, as a vector of mean 0 and length 1: view 0."""
    shrunk = (_shrinking()[:VIEW_SIDE] @ pattern @ _shrinking()[:VIEW_SIDE].T).ravel()
    shrunk = shrunk - shrunk.mean()
    return np.asarray(shrunk / (np.linalg.norm(shrunk) + 1e-6), np.float32)


def _views(pattern: npt.NDArray[np.float32]) -> Vectors:
    """All crops of a pattern, shrunk, each a vector of mean 0 and length 1: (crops, VIEW_SIDE²). Crop 0 is the whole picture."""
    shrink = _shrinking()
    spans = len(SPANS)
    cropped = (shrink @ pattern @ shrink.T).reshape(spans, VIEW_SIDE, spans, VIEW_SIDE).transpose(0, 2, 1, 3)
    vectors = cropped.reshape(spans * spans, VIEW_SIDE * VIEW_SIDE)
    vectors = vectors - vectors.mean(axis=1, keepdims=True)
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6), np.float32)


@lru_cache(maxsize=1)
def _shrinking() -> Vectors:
    """Averages over the cells' shares in each part of each span along one axis: (spans * VIEW_SIDE, SIDE)."""
    edges = np.array([[at + size * step / VIEW_SIDE for step in range(VIEW_SIDE + 1)] for at, size in SPANS]) * SIDE
    low, high = edges[:, :-1].reshape(-1, 1), edges[:, 1:].reshape(-1, 1)
    cells = np.arange(SIDE)
    inside = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0.0, None)
    return np.asarray(inside / (high - low), np.float32)


def _pattern(stored: str) -> Pattern:
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(stored), np.uint8)).reshape(2, SIDE, SIDE).astype(np.float32)
    return np.asarray(bits[0] - bits[1], np.float32)


def _fine(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(cells - cv2.blur(cells, (FINE, FINE)), np.float32)


def _blocks(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cells by block: (blocks, cells of one)."""
    along = SIDE // BLOCK
    return cells.reshape(along, BLOCK, along, BLOCK).transpose(0, 2, 1, 3).reshape(along * along, BLOCK * BLOCK)


def _block_correlations(
    one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], seen: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """The correlation of each block that is seen at least by half and textured in either; 0 where one alone is."""
    weight = _blocks(seen).astype(np.float64)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    a, b = _blocks(one), _blocks(other)
    a, b = (values - (values * weight).sum(axis=1, keepdims=True) / total for values in (a, b))
    strengths = [np.sqrt((values * values * weight).sum(axis=1) / total[:, 0]) for values in (a, b)]
    told = (weight.mean(axis=1) >= 0.5) & (np.maximum(*strengths) >= 0.1)
    product = (a * b * weight).sum(axis=1) / total[:, 0] / np.maximum(strengths[0] * strengths[1], 1e-3)
    return np.asarray(product[told], np.float64)
