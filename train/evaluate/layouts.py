"""How the field's datasets lay out rainy and clean pictures: a function a layout, which pairs a folder's pictures or says it is another.

Within a layout pictures pair by what their names have in common, by one rule for the whole folder; never by position.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from manifests.errors import InputError
from manifests.media import still_paths
from train.evaluate.picture_files import read_rgb, upright_size
from train.evaluate.truths import Crop, RainyPictures

# Names of folders, without what joins their words
RAINY_FOLDERS = ("input", "inputval", "rain", "rainy", "rainyimage", "data", "lq")
CLEAN_FOLDERS = ("target", "groundtruth", "gt", "norain", "clean", "label", "labelval", "hq")
_RAINY_WORDS, _CLEAN_WORDS = "rainy|rain|input|in", "norain|clean|ground_?truth|target|label|gt"
_WORDS = re.compile(rf"(?<![a-z])({_CLEAN_WORDS}|{_RAINY_WORDS})(?![a-z])[-_ ]*")
_GT_RAIN = re.compile(r"(?P<scene>.+)-(?P<kind>[CR])-(?P<number>\d+)")
_SAMPLED = 12  # side-by-side pictures that are looked at
_ALIKE = 0.3  # least correlation of two halves that show one scene
_BRIGHTER = 5  # grey levels: what rain does, and compression does not
_AGREEING = 0.75  # least share of the pictures in which the same half is the brighter

Grey = npt.NDArray[np.int16]  # HW


@dataclass(frozen=True, slots=True)
class Found:
    """A folder's pictures, paired."""

    layout: str  # in words
    rainy_folder: Path  # outputs of other methods are named by the rainy pictures' paths within
    groups: tuple[RainyPictures, ...]  # in order of name
    unpaired: tuple[Path, ...]  # pictures without a partner


def gt_rain(folder: Path) -> Found | None:
    """GT-RAIN (Ba et al. 2022): a folder a scene with `SCENE-Webcam-C-000.png`, the clean picture, and `SCENE-Webcam-R-000.png` to
    `…-R-299.png`, its rainy frames. One scene of its validation split, Gurutto_1-2, has a clean picture for each rainy one, by number.
    """
    scenes: dict[tuple[Path, str], dict[str, dict[int, Path]]] = defaultdict(lambda: {"C": {}, "R": {}})
    unpaired: list[Path] = []
    for path in _pictures(folder, *_folders(folder)):
        if named := _GT_RAIN.fullmatch(path.stem):
            scenes[path.parent, named["scene"]][named["kind"]][int(named["number"])] = path
        else:
            unpaired.append(path)
    if not any(scene["C"] and scene["R"] for scene in scenes.values()):
        return None
    groups: list[RainyPictures] = []
    for scene in scenes.values():
        clean, rainy = scene["C"], scene["R"]
        if len(clean) == 1 and rainy:
            (truth,) = clean.values()
            groups.append(RainyPictures(tuple(rainy[number] for number in sorted(rainy)), truth, one_scene=True))
        else:
            groups += [RainyPictures((rainy[number],), clean[number]) for number in sorted(rainy.keys() & clean.keys())]
            unpaired += [one[number] for one, other in ((rainy, clean), (clean, rainy)) for number in sorted(one.keys() - other.keys())]
    if not groups:
        raise InputError(f"{folder}: no rainy picture of its {len(scenes)} GT-RAIN scenes has a clean one, single or of its number")
    return Found("scenes of GT-RAIN, a clean picture each", folder, tuple(groups), tuple(unpaired))


def two_folders(folder: Path) -> Found | None:
    """A folder of rainy and one of clean pictures: Rain100L/H and SPANet as they are usually passed on (`input`, `target`), SPANet's own
    (`rain`, `gt`), DDN's (`rainy_image`, `ground_truth`), Rain800 cut in two (`rain`, `norain`), and Rain100L/H and Rain200L/H as
    published, whose rainy pictures lie one deeper (`rain/X2`).
    """
    rainy, clean = _named(folder, RAINY_FOLDERS), _named(folder, CLEAN_FOLDERS)
    if rainy is None or clean is None:
        return None
    if not still_paths(rainy) and len(deeper := _folders(rainy)) == 1:
        rainy = deeper[0]
    return _paired(rainy, still_paths(rainy), still_paths(clean), f"{rainy.relative_to(folder)} and {clean.name}")


def clean_beside_rainy(folder: Path) -> Found | None:
    """Rain100L/H as Ren et al. 2019 (PReNet) pass them on: `rainy/rain-001.png`, and `norain-001.png` beside the folder `rainy`."""
    rainy = _named(folder, RAINY_FOLDERS)
    clean = still_paths(folder)
    return None if rainy is None or not clean else _paired(rainy, still_paths(rainy), clean, f"{rainy.name} and what lies beside it")


def one_folder(folder: Path) -> Found | None:
    """Both in one folder, told by words: Rain12 (Li et al. 2016: `001_in.png`, `001_GT.png`); the training sets of Yang et al. 2017
    (`rain-1.png`, `norain-1.png`; their `rainstreak-1.png` stays unpaired).
    """
    pictures = still_paths(folder)
    roles = {path: _role(path) for path in pictures}
    rainy, clean = ([path for path in pictures if roles[path] == role] for role in ("rainy", "clean"))
    if not rainy or not clean:
        return None
    found = _paired(folder, rainy, clean, "one folder, told by words")
    return Found(found.layout, folder, found.groups, tuple(path for path in pictures if roles[path] is None) + found.unpaired)


def side_by_side(folder: Path) -> Found | None:
    """Rainy and clean as the two halves of one picture: DID-MDN (Zhang and Patel 2018: `1.jpg`, rainy at the left) and Rain800 (Zhang et
    al. 2017, rainy at the right). Which half is rainy is seen from the pictures, since names do not tell: rain brightens.
    """
    pictures = still_paths(folder)
    sizes = {path: upright_size(path) for path in pictures}
    even = [path for path in pictures if (size := sizes[path]) and size[0] % 2 == 0 and size[0] >= 2]
    if not even or (left_is_rainy := _left_is_rainy(folder, even)) is None:
        return None
    groups = []
    for path in even:
        width, height = sizes[path] or (0, 0)
        left, right = Crop(0, 0, width // 2, height), Crop(width // 2, 0, width // 2, height)
        rainy, clean = (left, right) if left_is_rainy else (right, left)
        groups.append(RainyPictures((path,), path, crop=clean, part=rainy))
    unpaired = tuple(path for path in pictures if path not in set(even))
    return Found(f"side by side, rainy at the {'left' if left_is_rainy else 'right'}", folder, tuple(groups), unpaired)


LAYOUTS: tuple[Callable[[Path], Found | None], ...] = (gt_rain, two_folders, clean_beside_rainy, one_folder, side_by_side)


# --- names --------------------------------------------------------------------------------------------------------------------------


def stem(path: Path) -> str:
    """Equal names: Rain100L/H as `input/1.png` and `target/1.png`."""
    return path.stem


def bare(path: Path) -> str:
    """Names without words for rainy and clean: Rain800's `rain-001` and `norain-001`, SPANet's `000` and `000gt`, Rain12's `001_in` and
    `001_GT`.
    """
    return _WORDS.sub("", path.stem.lower()).strip("-_ ")


def without_scale(path: Path) -> str:
    """Rain100L/H and Rain200L/H as published: `norain-1x2` is the rainy picture of `norain-1`."""
    return re.sub(r"x\d$", "", bare(path))


def without_variant(path: Path) -> str:
    """DDN (Fu et al. 2017), also called Rain1400 and Rain12600: `901_1` to `901_14` are the rainy pictures of `901`."""
    return re.sub(r"_\d+$", "", path.stem)


# How the rainy and the clean picture's name are read, and whether several rainy pictures may share a clean one.
NAMINGS: tuple[tuple[Callable[[Path], str], Callable[[Path], str], bool], ...] = (
    (stem, stem, False),
    (bare, bare, False),
    (without_scale, bare, False),
    (without_variant, stem, True),
)


def _paired(rainy_folder: Path, rainy: Sequence[Path], clean: Sequence[Path], layout: str) -> Found:
    """Paired by the rule that pairs the most. Raises InputError when none pairs any, or a name is not unique under it."""
    read_rainy, read_clean, shared = max(NAMINGS, key=lambda naming: _matches(rainy, clean, *naming[:2]))
    partners = _by_name(clean, read_clean)
    if not shared:
        _by_name(rainy, read_rainy)
    groups = [RainyPictures((path,), partners[name]) for path in rainy if (name := read_rainy(path)) in partners]
    if not groups:
        raise InputError(
            f"{rainy_folder}: none of its {len(rainy)} rainy pictures has a partner of its name among the {len(clean)} clean ones; give "
            "the two pictures of a pair one name"
        )
    taken = {path for group in groups for path in (*group.frames, group.truth)}
    return Found(layout, rainy_folder, tuple(groups), tuple(path for path in [*rainy, *clean] if path not in taken))


def _matches(rainy: Sequence[Path], clean: Sequence[Path], read_rainy: Callable[[Path], str], read_clean: Callable[[Path], str]) -> int:
    names = {read_clean(path) for path in clean}
    return sum(read_rainy(path) in names for path in rainy)


def _by_name(paths: Iterable[Path], read: Callable[[Path], str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        name = read(path)
        if name in found:
            raise InputError(f"{path}: pairs by the name {name!r}, and so does {found[name].name}; rename one")
        found[name] = path
    return found


def _role(path: Path) -> str | None:
    """Whether a picture's name calls it rainy or clean; None where it says neither, or both."""
    words = {match[1] for match in _WORDS.finditer(path.stem.lower())}
    roles = {"clean" if re.fullmatch(_CLEAN_WORDS, word) else "rainy" for word in words}
    return roles.pop() if len(roles) == 1 else None


# --- folders ------------------------------------------------------------------------------------------------------------------------


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in still_paths(folder)]


def _named(folder: Path, names: Sequence[str]) -> Path | None:
    """The one subfolder with one of the names. Raises InputError when there are several."""
    found = [path for path in _folders(folder) if _joined(path.name) in names]
    if len(found) > 1:
        raise InputError(f"{folder}: both {found[0].name} and {found[1].name} may be meant; leave one there, or rename the other")
    return found[0] if found else None


def _joined(name: str) -> str:
    return re.sub(r"[-_ ]+", "", name.lower())


# --- halves -------------------------------------------------------------------------------------------------------------------------


def _left_is_rainy(folder: Path, pictures: Sequence[Path]) -> bool | None:
    """Which half rain brightens; None where the halves do not show the same. Raises InputError where the pictures disagree."""
    looked_at = [_grey_halves(path) for path in pictures[:: max(1, len(pictures) // _SAMPLED)][:_SAMPLED]]
    halves = [pair for pair in looked_at if pair is not None]
    alike = [(left, right) for left, right in halves if _correlation(left, right) > _ALIKE]
    if 2 * len(alike) <= len(halves):
        return None
    votes = [int(np.sum(left > right + _BRIGHTER)) > int(np.sum(right > left + _BRIGHTER)) for left, right in alike]
    share = float(np.mean(votes))
    if 1 - _AGREEING < share < _AGREEING:
        raise InputError(
            f"{folder}: seems to hold rainy and clean pictures side by side, but the left half is the brighter one in {sum(votes)} of "
            f"{len(votes)}, so which is rainy is open; cut them into the folders input and target"
        )
    return share >= _AGREEING


def _grey_halves(path: Path) -> tuple[Grey, Grey] | None:
    try:
        grey = cv2.cvtColor(read_rgb(path), cv2.COLOR_RGB2GRAY).astype(np.int16)  # differences go below 0
    except InputError:
        return None  # told when it is to be scored
    half = grey.shape[1] // 2
    return grey[:, :half], grey[:, half:]


def _correlation(left: Grey, right: Grey) -> float:
    if min(left.std(), right.std()) == 0:
        return 0.0
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])
