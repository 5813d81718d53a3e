"""The row classes: what each table promises, column by column, with units.

A row class is the only schema. The Parquet schema, the checks, `manifests schema` and the README's tables derive from it. The first
column is the table's key; a later column with another table's key name points at that table. A column typed `| None` may be null; any
other may not, on writing or on reading. Spans are half-open (`first_frame`, `end_frame`); times are presentation times in seconds from
the first frame; pixel measures are at full resolution of the upright picture; angles are degrees, 0 = image right, counter-clockwise,
modulo 180. Paths are relative to the workspace (the folder that holds `manifests/`), or absolute where media were left in place.

Measures stand in the row next to the verdict that they led to, so that a verdict can be taken again under other thresholds without
decoding a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

SCHEMA_VERSION = 1

ErrorKind = Literal[
    "private",
    "removed",
    "geo",
    "age",
    "login",
    "members_only",
    "bot_check",
    "rate_limited",
    "forbidden",
    "format_missing",
    "not_yet_live",
    "unsupported",
    "network",
    "decode",
    "disk_full",
    "out_of_date",
    "no_javascript",
    "unknown",
]
Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Footage:
    """One ingested video, or one series of stills from a camera; failed attempts are rows too."""

    footage_id: Annotated[str, "first 16 hex digits of the content's SHA-256; `failed-…` of the source where no content was had"]
    source: Annotated[Literal["youtube", "tripod", "simulated"], "which command brought it"]
    source_id: Annotated[str, "what the source calls it: a video id, a URL, a file's original path, a simulated clip's name"]
    origin: Annotated[str, "the URL, or the file's original path and name"]
    status: Annotated[Literal["ok", "failed", "rejected"], "ok: the media were decoded whole and hashed; rejected: not wanted, see reason"]
    acquired_at: Annotated[datetime, "when the last attempt ended, UTC"]
    path: Annotated[str | None, "the video file, or the folder of stills; null where nothing was kept"] = None
    error_kind: Annotated[ErrorKind | None, "what kind of failure; null when ok"] = None
    error: Annotated[str | None, "the failing tool's own message; null when ok"] = None
    retryable: Annotated[bool | None, "whether another attempt may succeed; null when ok"] = None
    reason: Annotated[str | None, "why it was rejected although it could be had; null when ok or failed"] = None
    attempts: Annotated[int, "how often it was asked for"] = 1
    next_attempt_at: Annotated[datetime | None, "not to be asked for before, UTC; null: at any time, or never"] = None
    also_at: Annotated[tuple[str, ...], "further source ids that gave the same bytes"] = ()
    sha256: Annotated[str | None, "of the file's bytes; of stills, over their names and SHA-256 in order"] = None
    bytes: Annotated[int | None, "size of the media"] = None
    media: Annotated[Literal["video", "stills"] | None, "one video file, or a folder of stills"] = None
    codec: Annotated[str | None, "video codec, or the stills' file type"] = None
    format: Annotated[str | None, "the format as the source names it"] = None
    width: Annotated[int | None, "px, upright"] = None
    height: Annotated[int | None, "px, upright"] = None
    rotation_deg: Annotated[int | None, "the rotation tag: counter-clockwise turn that makes stored frames upright"] = None
    frames: Annotated[int | None, "frames that decode (never the header's count)"] = None
    duration_s: Annotated[float | None, "last frame's time minus the first's, plus one mean interval"] = None
    mean_fps: Annotated[float | None, "frames per second over the duration"] = None
    variable_frame_rate: Annotated[bool | None, "whether frame intervals differ by more than the container's rounding"] = None
    clip_start_s: Annotated[float | None, "where in the source's video this footage begins, s; null: not cut"] = None
    clip_end_s: Annotated[float | None, "where in the source's video this footage ends, s; null: not cut, or at its end"] = None
    title: Annotated[str | None, "as the source states it"] = None
    channel: Annotated[str | None, "as the source states it"] = None
    uploaded: Annotated[str | None, "date, YYYY-MM-DD"] = None
    licence: Annotated[str | None, "as the source states it; null: not stated"] = None
    captured_at: Annotated[str | None, "ISO 8601 with zone where the camera gave one"] = None
    camera_model: Annotated[str | None, "maker and model"] = None
    exposure_s: Annotated[float | None, "exposure time, s; streak length depends on it"] = None
    iso: Annotated[int | None, "sensitivity"] = None
    f_number: Annotated[float | None, "aperture"] = None
    focal_length_mm: Annotated[float | None, "mm, not 35 mm equivalent"] = None
    lens_model: Annotated[str | None, "as the camera names it"] = None
    capture_fps: Annotated[float | None, "frames a second that the camera shot, where it says so; in slow motion not mean_fps"] = None
    interval_s: Annotated[float | None, "of stills: mean interval by the camera's clock, s; null where it gave no times"] = None
    varying: Annotated[tuple[str, ...], "what the camera changed meanwhile, of exposure_s, iso, f_number and focal_length_mm"] = ()
    interlaced: Annotated[bool | None, "whether frames hold two fields, which are deinterlaced when decoded"] = None
    parts: Annotated[tuple[str, ...], "of a recording that the camera split: its files in order, joined without encoding anew"] = ()
    originals_sha256: Annotated[str | None, "of what was joined or developed: over its files' SHA-256 in order; else null"] = None
    tool: Annotated[str | None, "name and version of what fetched it"] = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of one footage, with the verdict whether camera and scene stand still in it.

    The segments of a footage cover all its frames without overlap: kept and rejected spans alike.
    """

    segment_id: Annotated[str, "footage_id and first frame: 3f9c…-000120"]
    footage_id: Annotated[str, "the footage"]
    first_frame: Annotated[int, "first frame, counted from 0"]
    end_frame: Annotated[int, "one past the last frame; equals first_frame only with an error"]
    start_s: Annotated[float | None, "time of the first frame, s"] = None
    end_s: Annotated[float | None, "time of the last frame plus one interval, s"] = None
    verdict: Annotated[Literal["static", "moving", "unknown"] | None, "null only with an error"] = None
    reason: Annotated[str | None, "why it was rejected; null when kept"] = None
    error: Annotated[str | None, "why it could not be judged; such a row has no verdict"] = None
    shift_px: Annotated[float | None, "largest distance between two windows' robust centres of block shifts, on temporal medians, px"] = (
        None
    )
    scale_percent: Annotated[float | None, "largest change of scale (zoom) of the similarity fitted to the block shifts, %"] = None
    roll_deg: Annotated[float | None, "largest rotation of the fitted similarity, degrees"] = None
    jitter_px: Annotated[
        float | None, "95th percentile of single frames' shift against the median of ten frames (of a kept span: of its own), px"
    ] = None
    textured_blocks: Annotated[int | None, "blocks with enough contrast to vote, of 16; median over windows"] = None
    agreeing_fraction: Annotated[float | None, "share of voting blocks that agree with the robust centre"] = None
    moving_fraction: Annotated[float | None, "share of the picture that moves although the camera stands, mean over time"] = None
    brightness: Annotated[float | None, "mean grey level, 0-255"] = None
    illumination_drift: Annotated[float | None, "range of the windows' mean grey levels, 0-255"] = None
    frozen_fraction: Annotated[float | None, "share of frames in stretches (of ten frames or more) that repeat one picture"] = None
    flashes: Annotated[int | None, "brief flashes (lightning, exposure steps back and forth)"] = None
    overlay_fraction: Annotated[float | None, "share of the picture under a sharp overlay that stays while what is round it changes"] = None
    undecoded_fraction: Annotated[float | None, "share of the frames that were not decoded, since key frames showed the camera move"] = None
    crop_left: Annotated[int | None, "left edge of the picture without black bars; of a kept span, nor overlays at its rim; px"] = None
    crop_top: Annotated[int | None, "top edge of the picture without black bars; of a kept span, nor overlays at its rim; px"] = None
    crop_width: Annotated[int | None, "width of that part, px"] = None
    crop_height: Annotated[int | None, "height of that part, px"] = None
    mask: Annotated[str | None, "PNG of the whole picture, 255 where camera and scene are static"] = None
    measured_from: Annotated[str, "hash of content, measuring settings and stage version: the resume key"] = ""
    decided_from: Annotated[str, "hash of measured_from and the thresholds: rows decided under others are decided anew"] = ""


@dataclass(frozen=True, slots=True)
class Rain:
    """One static segment: is it raining, and differently from frame to frame. Lists hold one value a frame of the segment."""

    segment_id: Annotated[str, "the segment"]
    footage_id: Annotated[str, "the footage"]
    raining: Annotated[bool | None, "whether streaks of rain were found; null only with an error"] = None
    diverse: Annotated[bool | None, "whether enough frames differ in their rain to make a scene"] = None
    reason: Annotated[str | None, "why no scene may come of it; null when kept"] = None
    error: Annotated[str | None, "why it could not be measured; such a row has no verdict"] = None
    frame_pts_s: Annotated[tuple[float, ...], "presentation times since the footage's first frame, s"] = ()
    frame_light: Annotated[tuple[float, ...], "mean grey level of the frame without its rain: what the light does"] = ()
    frame_raining: Annotated[tuple[bool, ...], "decided: whether the frame shows rain that a scene can use"] = ()
    frame_orientation_deg: Annotated[tuple[float | None, ...], "streak orientation; null where there is no rain"] = ()
    frame_coherence: Annotated[tuple[float, ...], "structure-tensor coherence of the rain residual, 0-1"] = ()
    frame_concentration: Annotated[tuple[float, ...], "length-weighted concentration of blob orientations, 0-1"] = ()
    frame_cover: Annotated[tuple[float, ...], "share of the pixels that count (not masked) brightened by rain"] = ()
    frame_length_px: Annotated[tuple[float | None, ...], "median streak length; null where there is no rain"] = ()
    frame_width_px: Annotated[tuple[float | None, ...], "median streak width; null where there is no rain"] = ()
    frame_amplitude: Annotated[tuple[float, ...], "mean brightening of rainy pixels, grey levels"] = ()
    frame_novelty: Annotated[tuple[float, ...], "share of its rain that no frame a while before has: 0 where the rain is shown again"] = ()
    orientation_deg: Annotated[float | None, "circular mean over frames"] = None
    coherence: Annotated[float | None, "median over frames"] = None
    concentration: Annotated[float | None, "median over frames, of the residual that spoke"] = None
    elongation: Annotated[float | None, "length to width of the streaks, median over frames"] = None
    bright_to_dark: Annotated[float | None, "energy of brightening to energy of darkening, median over frames: rain brightens"] = None
    cells: Annotated[float | None, "share of an 8x8 grid that streaks along the orientation spread over: 1/n when all lie in 1 of n"] = None
    cover: Annotated[float | None, "median over frames"] = None
    median_cover: Annotated[float | None, "share of pixels brighter than the temporal median, median over frames: it fails near 0.5"] = None
    length_px: Annotated[float | None, "median over frames, px"] = None
    width_px: Annotated[float | None, "median over frames, px"] = None
    amplitude: Annotated[float | None, "median over frames, grey levels"] = None
    residual: Annotated[Literal["median", "impulse"] | None, "which residual spoke for rain"] = None
    difference: Annotated[float | None, "share of their rain that two frames do not have in common, median: 0 for a frozen picture"] = None
    measured_from: Annotated[str, "hash of content, span, measuring settings and stage version: the resume key"] = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One training set: N frames of one segment in which only the rain differs (the paper's time-lapse sequence)."""

    scene_id: Annotated[str, "first 16 hex digits over the frames' hashes; the segment's id and `-none` where rejected"]
    segment_id: Annotated[str, "the segment"]
    footage_id: Annotated[str, "the footage"]
    source_id: Annotated[str, "the footage's source id: splits share none"]
    reason: Annotated[str | None, "why it was rejected; null when kept"] = None
    error: Annotated[str | None, "why it could not be made; such a row has no frames"] = None
    place_id: Annotated[str | None, "the cluster of scenes that show the same spot: splits share none"] = None
    split: Annotated[Split | None, "train, val or test; null where rejected"] = None
    frames: Annotated[tuple[str, ...], "lossless pictures, in order of time"] = ()
    frame_index: Annotated[tuple[int, ...], "their frames in the footage, counted from 0"] = ()
    pts_s: Annotated[tuple[float, ...], "their presentation times, s"] = ()
    sha256: Annotated[tuple[str, ...], "SHA-256 of each picture file"] = ()
    width: Annotated[int | None, "px, after the crop"] = None
    height: Annotated[int | None, "px, after the crop"] = None
    crop_left: Annotated[int | None, "where the pictures lie in the upright footage, px"] = None
    crop_top: Annotated[int | None, "where the pictures lie in the upright footage, px"] = None
    mask: Annotated[str | None, "PNG of the pictures' size, 255 where training may look; null: everywhere"] = None
    median: Annotated[str | None, "PNG of the frames' temporal median"] = None
    coverage_radius: Annotated[float | None, "largest distance of any good frame's rain to its nearest chosen one, fixed scales"] = None
    place_hash: Annotated[str | None, "ternary pattern of the temporal median, hex: what places are told by; null: too dark or empty"] = (
        None
    )
    measured_from: Annotated[str, "hash of segment, rain, settings and stage version: the resume key"] = ""


@dataclass(frozen=True, slots=True)
class Review:
    """One person's decision on one scene."""

    review_id: Annotated[str, "scene_id and reviewer"]
    scene_id: Annotated[str, "the scene; its id comes from its frames, so the decision survives a rerun"]
    reviewer: Annotated[str, "who decided"]
    verdict: Annotated[Literal["accept", "reject"], "the decision"]
    at: Annotated[datetime, "when, UTC"]
    reason: Annotated[str | None, "why; null when accepted without a word"] = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A footage that releases hold no more and that is not acquired again: a tombstone, which carries none of its content."""

    withdrawal_id: Annotated[str, "the footage's id, the beginning of its content's SHA-256: the same bytes are refused from any source"]
    source: Annotated[Literal["youtube", "tripod", "simulated"], "which command brought it"]
    source_keys: Annotated[tuple[str, ...], "hashes of source and source id, of each source that gave it: they refuse it without naming it"]
    reason: Annotated[str, "why, in the words of who took it down"]
    version: Annotated[str, "the first release without it"]
    at: Annotated[datetime, "when it was taken down, UTC"]


@dataclass(frozen=True, slots=True)
class Score:
    """One picture scored under one protocol against its clean truth."""

    score_id: Annotated[str, "hash of method, pictures, protocol and the scoring's version: the resume key"]
    method: Annotated[
        str, "the checkpoint's SHA-256 (first 16 hex digits), `input`, `temporal mean`, `temporal median`, or what other outputs are called"
    ]
    protocol: Annotated[Literal["y-prenet", "y-mprnet", "rgb", "spanet"], "how PSNR and SSIM were computed"]
    picture: Annotated[str, "the rainy picture"]
    truth: Annotated[str, "the clean picture"]
    psnr: Annotated[float | None, "dB; null where equal to the truth (infinite)"]
    ssim: Annotated[float, "structural similarity, at most 1"]
    scene_id: Annotated[str | None, "the scene; null for a folder of pairs"] = None
    checkpoint: Annotated[str | None, "the checkpoint file; null for `input` and the temporal rows"] = None
    picture_sha256: Annotated[str, "of the rainy picture's file"] = ""
    truth_sha256: Annotated[str, "of the clean picture's file"] = ""
    device: Annotated[str, "what computed it, by name"] = "cpu"
    versions: Annotated[str, "of rainlapse and of what computes"] = ""
    at: Annotated[datetime | None, "when, UTC"] = None
    output: Annotated[str | None, "another method's picture, which was scored; null where we computed it"] = None
    output_sha256: Annotated[str | None, "of that picture's file"] = None


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulator knows of one clip that it rendered. Lists hold one value a frame."""

    clip_id: Annotated[str, "the clip's name; the file's name without its suffix, wherever it is copied"]
    footage_id: Annotated[str, "the rendered file's footage id"]
    seed: Annotated[int, "of the clip's own random generator"]
    background: Annotated[str, "the photo's or procedural scene's name, and the place in it: `coffee:1`"]
    camera: Annotated[str, "static, drift, shake, pan, zoom, roll or bump"]
    frames: Annotated[int, "frames rendered"]
    width: Annotated[int, "px, upright"]
    height: Annotated[int, "px, upright"]
    raining: Annotated[bool, "whether streaks were rendered"]
    events: Annotated[tuple[str, ...], "what happened and in which frames: `cut@30`, `frozen@10-40`, `overlay@0-60`"] = ()
    static_first: Annotated[tuple[int, ...], "first frames of the spans in which the camera stands, between cuts and fades"] = ()
    static_end: Annotated[tuple[int, ...], "their ends, one past the last frame"] = ()
    shift_x_px: Annotated[tuple[float, ...], "how far the picture has moved against the first frame, px to the right"] = ()
    shift_y_px: Annotated[tuple[float, ...], "how far the picture has moved against the first frame, px downwards"] = ()
    scale: Annotated[tuple[float, ...], "the picture's magnification against the first frame"] = ()
    roll_deg: Annotated[tuple[float, ...], "the picture's turn against the first frame, counter-clockwise"] = ()
    pts_s: Annotated[tuple[float, ...], "presentation times, s"] = ()
    orientation_deg: Annotated[float | None, "of the streaks; null without rain"] = None
    length_px: Annotated[float | None, "mean length of the drawn streaks, full width at half maximum"] = None
    width_px: Annotated[float | None, "mean width of the drawn streaks, full width at half maximum, defocus included"] = None
    density: Annotated[float | None, "share of pixels brightened by more than 5 grey levels, mean over frames"] = None
    brightness: Annotated[float | None, "mean brightening of those pixels, grey levels"] = None
    layers: Annotated[int | None, "depth layers of drawn streaks"] = None
    defocus_px: Annotated[float | None, "standard deviation of the streaks' blur"] = None
    frame_orientation_deg: Annotated[tuple[float, ...], "of each frame's rain"] = ()
    frame_density: Annotated[tuple[float, ...], "of each frame's rain, as `density`"] = ()
    frame_brightness: Annotated[tuple[float, ...], "of each frame's rain, as `brightness`"] = ()
    clean: Annotated[str | None, "PNG of the rain-free upright picture; null where it changes from frame to frame"] = None
    rendered_from: Annotated[str, "hash of the clip's specification and the renderer's version: the resume key"] = ""


TABLES: dict[str, type] = {
    "footage": Footage,
    "segments": Segment,
    "rain": Rain,
    "scenes": Scene,
    "reviews": Review,
    "withdrawals": Withdrawal,
    "scores": Score,
    "truth": Truth,
}


def table_name(row_class: type) -> str:
    """The name of a row class's table. Raises KeyError for a class that has none."""
    for name, known in TABLES.items():
        if known is row_class:
            return name
    raise KeyError(row_class)
