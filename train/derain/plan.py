"""Which file becomes which: settled, and refused where anything would be lost, before a pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manifests.errors import InputError
from manifests.media import PICTURE_SUFFIXES

# Videos keep their container where it holds any sound that comes with it; the others become one that does.
VIDEO_TARGETS = {
    **{suffix: suffix for suffix in (".mp4", ".m4v", ".mov", ".mkv")},
    **dict.fromkeys((".3gp", ".ts", ".mts", ".m2ts"), ".mp4"),
    **dict.fromkeys((".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv"), ".mkv"),
}
VIDEO_OUTPUTS = frozenset(VIDEO_TARGETS.values())

Existing = Literal["refuse", "overwrite", "skip"]  # what to do about outputs that exist


@dataclass(frozen=True, slots=True)
class Job:
    """One file in, one file out, and on request its streaks."""

    source: Path
    target: Path
    streaks: Path | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture, and not a video."""
        return self.source.suffix.lower() in PICTURE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, what is there already, and the files of the folders named that are neither picture nor video."""

    jobs: tuple[Job, ...]
    there: tuple[Job, ...] = ()
    passed_over: tuple[Path, ...] = ()


def plan(inputs: Sequence[Path], output: Path, *, existing: Existing = "refuse", streaks: bool = False) -> Plan:
    """Which file becomes which.

    `output` is a file for one picture or video where it has such a suffix, else a folder. Folders are searched with all below them, hidden
    ones and `output` apart, and what lies in them keeps its place there. Raises InputError when an input is missing or neither picture
    nor video, two inputs would give one output, an output is an input or lies below a file, or one exists that is neither to be overwritten
    nor skipped. A file is skipped where all of its outputs exist: they appear whole and together.
    """
    passed_over: list[Path] = []
    pairs = [pair for path in inputs for pair in _pairs(path, output, passed_over, alone=len(inputs) == 1)]
    jobs = tuple(Job(source, target, _streaks_of(source, target) if streaks else None) for source, target in pairs)
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        for target in (job.target, job.streaks):
            if target is not None:
                _check(job.source, target, sources, taken, existing)
                taken[target.resolve()] = job.source
    there = tuple(job for job in jobs if existing == "skip" and job.target.exists() and (job.streaks is None or job.streaks.exists()))
    return Plan(tuple(job for job in jobs if job not in there), there, tuple(passed_over))


def _pairs(path: Path, output: Path, passed_over: list[Path], *, alone: bool) -> list[tuple[Path, Path]]:
    """Sources with their targets."""
    if path.is_dir():
        pairs = [(file, output / _renamed(file.relative_to(path))) for file in _media_below(path, output, passed_over)]
        if not pairs:
            raise InputError(f"{path}: holds no pictures and no videos; name a folder that does")
        return pairs
    if not path.exists():
        raise InputError(f"{path}: no such file; name pictures, videos or folders of them")
    if not _is_media(path):
        raise InputError(f"{path}: neither a picture nor a video by its suffix; known are {_known()}")
    if alone and not output.is_dir() and (_is_media(output) or output.suffix.lower() in VIDEO_OUTPUTS):
        return [(path, _named(path, output))]
    return [(path, output / _renamed(Path(path.name)))]


def _named(source: Path, target: Path) -> Path:
    """The output file that a user named for one input."""
    known = PICTURE_SUFFIXES if source.suffix.lower() in PICTURE_SUFFIXES else VIDEO_OUTPUTS
    if target.suffix.lower() not in known:
        raise InputError(f"{source}: cannot become a {target.suffix} file; name one that ends in {', '.join(sorted(known))}, or a folder")
    return target


def _media_below(folder: Path, output: Path, passed_over: list[Path]) -> list[Path]:
    found: list[Path] = []
    output = output.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if output != folder.resolve() and path.resolve().is_relative_to(output):
            continue  # what an earlier run wrote
        (found if _is_media(path) else passed_over).append(path)
    return found


def _check(source: Path, target: Path, sources: set[Path], taken: dict[Path, Path], existing: Existing) -> None:
    if target.resolve() in taken:
        raise InputError(f"{source}: would be written to {target}, and so would {taken[target.resolve()]}; use two output folders")
    if target.resolve() in sources or (target.exists() and target.samefile(source)):
        raise InputError(f"{source}: the output {target} is an input itself; choose another output folder")
    if target.is_dir():
        raise InputError(f"{target}: a folder of that name is in the way; choose another output")
    if (in_the_way := next((folder for folder in target.parents if folder.is_file()), None)) is not None:
        raise InputError(f"{in_the_way}: is a file, where a folder for {target.name} is needed; choose another output")
    if target.exists() and existing == "refuse":
        raise InputError(f"{target}: exists; give --overwrite, --skip-existing to go on after an interruption, or another output folder")


def _streaks_of(source: Path, target: Path) -> Path:
    suffix = ".png" if source.suffix.lower() in PICTURE_SUFFIXES else target.suffix
    return target.with_name(f"{target.stem}-streaks{suffix}")


def _renamed(path: Path) -> Path:
    return path.with_suffix(VIDEO_TARGETS.get(path.suffix.lower(), path.suffix))


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES or path.suffix.lower() in VIDEO_TARGETS


def _known() -> str:
    return " ".join(sorted(PICTURE_SUFFIXES | VIDEO_TARGETS.keys()))
