"""Pictures to series: which stills were shot as one time-lapse.

Pictures whose camera told their times belong together by camera (maker, model, serial number), lens, size, orientation and file type,
whatever folders they lie in and whatever their counter says (DSC09999 is followed by DSC00001 in the next folder); a long gap in time
begins a new series. Without times, pictures belong together by folder, size and pattern of name, in which only a number counts up
(`IMG_0001`, `frame-12`, `2024-05-17_12-00-05`).
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from acquire.tripod.exif import Shot
from acquire.tripod.raw import RAW_SUFFIXES

_Key = TypeVar("_Key", bound=Hashable)

_TIMESTAMP = re.compile(r"((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]*(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_CAMERA_FOLDER = re.compile(r"\d{3}\w{5}")  # 100MSDCF, 101CANON: the rule for camera file systems (DCF)
_NEIGHBOURS = 10  # intervals on either side that say what pace is usual there
_JPEG = (".jpg", ".jpeg")
_CLEAN, _RAINY = "-C-#", "-R-#"  # GT-RAIN: scene-C-000 is the clean picture, scene-R-000 … scene-R-299 the rainy ones


@dataclass(frozen=True, slots=True)
class Grouped:
    """The series among pictures, and what was left aside for a reason."""

    series: tuple[tuple[Shot, ...], ...]  # at least two shots each, in order of time (or number); series in order of their first path
    raw_beside_jpeg: int = 0  # pictures of shots that exist twice, of which the other kind was taken
    clean: int = 0  # GT-RAIN's clean pictures


def group(shots: Iterable[Shot], gap_s: float, gap_factor: float, prefer_raw: bool) -> Grouped:
    """The series among `shots`, the same for any order of them.

    A new one begins after a gap longer than `gap_s` and than `gap_factor` times the usual interval around it. Of a shot kept as raw file
    and as JPEG, `prefer_raw` says which is taken.
    """
    every = sorted(shots, key=lambda shot: shot.path)
    single, doubles = _one_of_each_shot(every, prefer_raw)
    timed: list[Shot] = []
    series: list[list[Shot]] = []
    unread: list[Shot] = []
    named = _by(single, _name)
    clean = 0
    for (folder, pattern, kind), members in named.items():
        readable = [shot for shot in members if shot.size is not None]
        unread += [shot for shot in members if shot.size is None]
        if pattern.endswith(_CLEAN) and (folder, pattern.removesuffix(_CLEAN) + _RAINY, kind) in named:
            clean += len(members)
        elif all(shot.taken_s is not None for shot in readable):
            timed += readable
        elif "#" in pattern:
            series += [_in_order_of_number(shots) for shots in _by(readable, lambda shot: (shot.size, shot.orientation)).values()]
    for rolls in _by(timed, _camera_and_frame).values():
        for shots_of_one in _apart_where_two_cameras_may_have_shot(rolls):
            series += _cut_at_gaps(_in_order_of_time(shots_of_one), gap_s, gap_factor)
    series = _with_unread([members for members in series if len(members) > 1], unread)
    series.sort(key=lambda members: min(shot.path for shot in members))
    return Grouped(tuple(tuple(members) for members in series), doubles, clean)


# --- what belongs together ----------------------------------------------------------------------------------------------------------


def _one_of_each_shot(shots: Sequence[Shot], prefer_raw: bool) -> tuple[list[Shot], int]:
    """Without the raw file of a pair, or without its JPEG; and without copies in other folders."""
    by_stem = _by(shots, lambda shot: (shot.path.parent, shot.path.stem.lower()))
    left: set[Path] = set()
    for members in by_stem.values():
        raw = [shot.path for shot in members if _is_raw(shot)]
        jpeg = [shot.path for shot in members if shot.path.suffix.lower() in _JPEG]
        if raw and jpeg:
            left.update(jpeg if prefer_raw else raw)
    with_serial = (shot for shot in shots if shot.serial and shot.captured_at)
    alike = _by(with_serial, lambda shot: (shot.path.name, shot.captured_at, _camera_and_frame(shot)))
    copies = {copy.path for same in alike.values() for copy in same[1:]}
    return [shot for shot in shots if shot.path not in left | copies], len(left)


def _camera_and_frame(shot: Shot) -> Hashable:
    return (shot.camera or "", shot.serial or "", shot.lens or "", shot.size, shot.orientation, _kind(shot))


def _apart_where_two_cameras_may_have_shot(shots: Sequence[Shot]) -> list[list[Shot]]:
    """Without a serial number two cameras of one model look alike: where the times of two places overlap, they are kept apart."""
    if shots[0].serial:
        return [list(shots)]
    places = sorted(_by(shots, _place).values(), key=lambda members: min(_taken(shot) for shot in members))
    ends = [max(_taken(shot) for shot in members) for members in places]
    starts = [min(_taken(shot) for shot in members) for members in places]
    overlap = any(start < max(ends[:index]) for index, start in enumerate(starts) if index)
    return places if overlap else [list(shots)]


def _place(shot: Shot) -> Path:
    """A picture's folder; of a camera's own numbered folders, the one that holds them."""
    folder = shot.path.parent
    return folder.parent if _CAMERA_FOLDER.fullmatch(folder.name) else folder


def _cut_at_gaps(shots: Sequence[Shot], gap_s: float, gap_factor: float) -> list[list[Shot]]:
    intervals = [_taken(later) - _taken(earlier) for earlier, later in pairwise(shots)]
    cut = [[shots[0]]]
    for index, shot in enumerate(shots[1:]):
        if intervals[index] > gap_s and intervals[index] > gap_factor * _usual(intervals, index):
            cut.append([])
        cut[-1].append(shot)
    return cut


def _usual(intervals: Sequence[float], index: int) -> float:
    """The usual interval around one: the median on the slower side, so that a change of pace alone is no gap."""
    sides = intervals[max(0, index - _NEIGHBOURS) : index], intervals[index + 1 : index + 1 + _NEIGHBOURS]
    return max((statistics.median(side) for side in sides if side), default=intervals[index])


def _with_unread(series: list[list[Shot]], unread: Sequence[Shot]) -> list[list[Shot]]:
    """A picture that cannot be read belongs to the series of its name; among several nobody knows to which."""
    of_name: dict[Hashable, list[int]] = defaultdict(list)
    for index, members in enumerate(series):
        for name in {_name(shot) for shot in members}:
            of_name[name].append(index)
    for shot in unread:
        alike = of_name.get(_name(shot), [])
        if len(alike) == 1:
            series[alike[0]].append(shot)
    touched = {alike[0] for shot in unread if len(alike := of_name.get(_name(shot), [])) == 1}
    return [_in_order_of_number(members) if index in touched else members for index, members in enumerate(series)]


# --- order --------------------------------------------------------------------------------------------------------------------------


def _in_order_of_time(shots: Sequence[Shot]) -> list[Shot]:
    """By time, and where clocks tell whole seconds only, by the counter, which may roll over within one."""
    ordered: list[Shot] = []
    for _, same in sorted(_by(shots, _taken).items()):
        ordered += _in_order_of_number(same)
    return ordered


def _in_order_of_number(shots: Sequence[Shot]) -> list[Shot]:
    """By the last number in the name; a camera's counter that went on from 9999 to 0 or 1 goes on here too."""
    numbers = sorted({_number(shot.path.stem) for shot in shots})
    rolled = 0
    if re.fullmatch(r"9{4,}", str(numbers[-1])) and numbers[0] in (0, 1):
        hole, after = max((later - earlier, later) for earlier, later in pairwise(numbers))
        rolled = after if hole > numbers[-1] // 2 else 0
    return sorted(shots, key=lambda shot: (_number(shot.path.stem) < rolled, _number(shot.path.stem), shot.path.name, shot.path))


def _pattern(stem: str) -> str:
    return _LAST_NUMBER.sub("#", _joined_time(stem))


def _number(stem: str) -> int:
    number = _LAST_NUMBER.search(_joined_time(stem))
    return int(number[0]) if number else -1


def _joined_time(stem: str) -> str:
    """A date and time in a name as one number, so that a new minute begins no new series."""
    return _TIMESTAMP.sub(lambda told: "".join(told.groups()), stem)


# --- small helpers ------------------------------------------------------------------------------------------------------------------


def _by(shots: Iterable[Shot], key: Callable[[Shot], _Key]) -> dict[_Key, list[Shot]]:
    found: dict[_Key, list[Shot]] = defaultdict(list)
    for shot in shots:
        found[key(shot)].append(shot)
    return found


def _taken(shot: Shot) -> float:
    assert shot.taken_s is not None
    return shot.taken_s


def _is_raw(shot: Shot) -> bool:
    return shot.path.suffix.lower() in RAW_SUFFIXES


def _name(shot: Shot) -> tuple[Path, str, str]:
    return shot.path.parent, _pattern(shot.path.stem), _kind(shot)


def _kind(shot: Shot) -> str:
    suffix = shot.path.suffix.lower()
    return _JPEG[0] if suffix in _JPEG else suffix
