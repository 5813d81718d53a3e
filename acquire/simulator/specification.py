"""What one simulated clip is: every parameter of its picture, rain, camera, events and file, as frozen dataclasses.

A clip is a function of its specification alone: the same specification gives the same pictures, and on one machine and one version of
the codecs the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from manifests.errors import InputError

CameraKind = Literal["static", "drift", "shake", "pan", "zoom", "roll", "bump", "settle"]
EventKind = Literal[
    "cut",
    "fade",
    "black",
    "flash",
    "exposure",
    "haze",
    "objects",
    "leaves",
    "clouds",
    "frozen",
    "overlay",
    "clock",
    "bars",
    "glass",
    "snow",
]
# Events of which a clip's rain-free picture changes; those of the second line only where they do not last for the whole clip.
CHANGES_PICTURE: frozenset[EventKind] = frozenset(
    {"cut", "fade", "black", "flash", "exposure", "objects", "leaves", "clouds", "clock", "glass", "snow"}
)
CHANGES_PICTURE_IN_PART: frozenset[EventKind] = frozenset({"haze", "overlay", "bars"})
RainMaker = Literal["drops", "noise"]
Codec = Literal["libx264", "libx265", "mpeg4", "libvpx-vp9", "jpeg"]
Container = Literal["mp4", "mkv", "webm", "avi"]


@dataclass(frozen=True, slots=True)
class RainSpecification:
    """How one scene's rain looks on average; single frames and drops vary round it. Angles: 0 = image right, counter-clockwise.

    `layers`, `smeared` and `drop_jitter_deg` are of rain made of drops. Rain made of noise has streaks of any length up to `length_px`
    and uneven along it, as the rain that picture editors add.
    """

    maker: Annotated[RainMaker, "drops: drawn one by one; noise: smeared along the direction and cut at a level"] = "drops"

    orientation_deg: Annotated[float, "direction of the streaks, degrees modulo 180; rain that falls straight is 90"] = 90.0
    length_px: Annotated[float, "mean length of the streaks, full width at half maximum"] = 24.0
    width_px: Annotated[float, "mean width of the streaks in focus, full width at half maximum"] = 1.6
    density: Annotated[float, "share of pixels to be brightened by more than 5 grey levels; the truth holds what came of it"] = 0.10
    brightness: Annotated[float, "mean peak of a streak over black ground, grey levels"] = 70.0
    layers: Annotated[int, "depth layers of the drawn streaks: each farther one shorter, thinner, dimmer and more numerous"] = 2
    defocus_px: Annotated[float, "standard deviation of the streaks' blur"] = 0.4
    smeared: Annotated[float, "share of the rain made by smearing sparse noise along the direction instead of drawing streaks, 0-1"] = 0.25
    frame_jitter_deg: Annotated[float, "standard deviation of a frame's direction round the scene's"] = 1.0
    drop_jitter_deg: Annotated[float, "standard deviation of a drop's direction round its frame's"] = 1.5
    frame_variation: Annotated[float, "standard deviation of the logarithm of a frame's density and brightness round the scene's"] = 0.2
    bright_ground: Annotated[float, "share of a streak's light that is lost over white ground, 0-1"] = 0.55


@dataclass(frozen=True, slots=True)
class CameraMove:
    """How the camera moves. `amount` is in the kind's unit; pictures move, as seen by the viewer, towards `direction_deg`.

    static: none. drift: px in all, evenly over the clip. shake: px standard deviation, as by a hand, with a little roll. pan: px a frame.
    zoom: per cent in all. roll: degrees in all, counter-clockwise. bump: px of one jump at `frame`; the camera stands before and after.
    settle: px a frame until `frame`, from which on the camera stands.
    """

    kind: CameraKind = "static"
    amount: Annotated[float, "how much, in the kind's unit"] = 0.0
    direction_deg: Annotated[float, "where the picture moves to: 0 = right, counter-clockwise"] = 0.0
    frame: Annotated[int, "first frame after the bump, or at rest"] = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in frames [first_frame, end_frame) of a clip.

    | kind | what | `strength` |
    |---|---|---|
    | cut | another background from first_frame on | |
    | fade | dissolves into another background over the span | |
    | black | black frames | |
    | flash | the whole picture lights up | brightness gain, 0.5 = half as bright again |
    | exposure | gain changes evenly over the span and stays | gain at the end, 0.5 = half |
    | haze | a grey veil, thicker towards the horizon | 0-1 |
    | objects | people and cars cross the picture | how many |
    | leaves | foliage in front sways | share of the picture, 0-1 |
    | clouds | clouds race over a sky above the scene | share of the height, 0-1 |
    | frozen | each frame repeats the span's first, rain and noise included | |
    | overlay | a logo and a line of text, constant | |
    | clock | the time in figures that change | |
    | bars | black bars above and below | share of the height, 0-1 |
    | glass | drops on the pane, some of them slowly running down | how many |
    | snow | flakes that float down | how many |
    """

    kind: EventKind
    first_frame: int = 0
    end_frame: Annotated[int | None, "one past the last frame; null: to the clip's end"] = None
    strength: Annotated[float | None, "null: the kind's usual value"] = None
    background: Annotated[str | None, "cut and fade: the background that follows"] = None


@dataclass(frozen=True, slots=True)
class ClipSpecification:
    """One clip. Sizes are those of the upright picture; a file with a rotation tag stores it turned."""

    name: str = "rain"
    seed: Annotated[int, "of the clip's own random generator"] = 0
    width: Annotated[int, "px, upright"] = 320
    height: Annotated[int, "px, upright"] = 240
    frames: int = 60
    fps: Annotated[float, "frames a second; with a variable frame rate their mean is near it"] = 25.0
    background: Annotated[str, "photo or procedural scene, and place in it: `coffee`, `coffee:1`, `street:7`, or a picture's path"] = (
        "coffee"
    )
    rain: Annotated[RainSpecification | None, "null: no rain"] = field(default_factory=RainSpecification)
    camera: CameraMove = field(default_factory=CameraMove)
    events: tuple[Event, ...] = ()
    noise: Annotated[float, "standard deviation of the sensor's noise in mid-grey, grey levels"] = 1.5
    codec: Annotated[Codec, "jpeg: a folder of stills"] = "libx264"
    container: Annotated[Container, "file format of a video"] = "mp4"
    quality: Annotated[int, "0-100 for every codec; 62 is x264's constant rate factor 19"] = 62
    key_frame_interval: Annotated[int, "frames from key frame to key frame; with a low quality the picture pulses at each"] = 30
    variable_frame_rate: Annotated[bool, "irregular presentation times, as phones write them"] = False
    rotation_deg: Annotated[Literal[0, 90, 180, 270], "counter-clockwise turn that makes the stored frames upright"] = 0

    def __post_init__(self) -> None:
        if self.frames < 1 or self.fps <= 0:
            raise InputError(f"clip {self.name}: {self.frames} frames at {self.fps} a second; both must be positive")
        if self.codec != "jpeg" and (self.width % 2 or self.height % 2):
            raise InputError(f"clip {self.name}: {self.width}x{self.height} px; video needs even sizes")
        if self.variable_frame_rate and self.container == "avi":
            raise InputError(f"clip {self.name}: avi has no presentation times; choose mp4, mkv or webm for a variable frame rate")
        for event in self.events:
            if not 0 <= event.first_frame < span_end(event, self.frames) <= self.frames:
                raise InputError(f"clip {self.name}: {describe(event, self.frames)} does not lie in its {self.frames} frames")

    @property
    def file_name(self) -> str:
        """The video's name, or that of the folder of stills."""
        return self.name if self.codec == "jpeg" else f"{self.name}.{self.container}"


def span_end(event: Event, frames: int) -> int:
    """One past the event's last frame in a clip of `frames` frames; a cut lasts one frame."""
    if event.kind == "cut":
        return event.first_frame + 1
    return frames if event.end_frame is None else event.end_frame


def describe(event: Event, frames: int) -> str:
    """`cut@30`, `frozen@10-40`: the event as the truth table writes it."""
    span = f"{event.first_frame}" if event.kind == "cut" else f"{event.first_frame}-{span_end(event, frames)}"
    return f"{event.kind}@{span}"


def shown_frames(specification: ClipSpecification) -> list[int]:
    """For each frame, the frame that is shown in its place: itself, or the first of the frozen stretch that it lies in."""
    shown = list(range(specification.frames))
    for event in specification.events:
        if event.kind == "frozen":
            end = span_end(event, specification.frames)
            shown[event.first_frame : end] = [event.first_frame] * (end - event.first_frame)
    return shown
