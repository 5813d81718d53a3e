"""Scenes of a release of links, again: from the same bytes, from other encodings, and not from what shows other frames."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from acquire.intake import probed
from acquire.simulator.render import render_clip
from acquire.simulator.specification import ClipSpecification, RainSpecification
from acquire.youtube.batch import youtube
from acquire.youtube.settings import YoutubeSettings
from curate.cli import main
from curate.release.build import build
from curate.release.rebuild import Rebuilt, rebuild
from curate.release.rights import Profile
from curate.release.unpack import unpack
from curate.scene_files import write_scene
from manifests.checks import check
from manifests.errors import InputError
from manifests.files import Provenance, append_rows, file_sha256, read_rows, write_rows
from manifests.media import frames, probe, read_picture, write_png
from manifests.tables import Footage, Rain, Scene, Segment
from manifests.workspace import Workspace
from tests.loopback import serve
from tests.worlds import NOW
from train.scenes import load_scene

URL = "https://example.org/rain.mp4"
CLIP = ClipSpecification(name="rain", width=160, height=128, frames=48, fps=20, background="street:2", rain=RainSpecification(length_px=12))
CHOSEN = tuple(range(6, 40, 3))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / CLIP.file_name
    render_clip(CLIP, path)
    return path


@pytest.fixture(scope="module")
def released(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes table of a release of links with one scene of the clip."""
    workspace = Workspace(tmp_path_factory.mktemp("publisher"))
    return release(workspace, with_footage(workspace, clip))


def with_footage(workspace: Workspace, media: Path, url: str = URL) -> Footage:
    """A workspace in which the clip was acquired."""
    sha256 = file_sha256(media)
    place = workspace.root / "footage" / f"{sha256[:16]}.mp4"
    place.parent.mkdir(parents=True)
    shutil.copyfile(media, place)
    row = Footage(sha256[:16], "youtube", url, url, "ok", NOW, path=workspace.relative(place), sha256=sha256, **probed(probe(place)))
    write_rows(Footage, workspace.table(Footage), [row], Provenance("a test"))
    return row


def release(workspace: Workspace, *footage: Footage, profile: Profile = "links") -> Path:
    """Choose some frames of each footage by hand, and release them; gives the release's scenes table."""
    chosen = [_scene(workspace, row) for row in footage]
    for rows in (list(footage), *(list(rows) for rows in zip(*chosen, strict=True))):
        write_rows(type(rows[0]), workspace.table(type(rows[0])), rows, Provenance("a test"))
    return build(workspace, profile=profile).folder / "scenes.parquet"


def _scene(workspace: Workspace, footage: Footage) -> tuple[Segment, Rain, Scene]:
    times = tuple(index / CLIP.fps for index in CHOSEN)
    segment = Segment(f"{footage.footage_id}-000000", footage.footage_id, 0, CLIP.frames, verdict="static")
    segment = replace(segment, crop_left=8, crop_top=4, crop_width=144, crop_height=112)
    rain = Rain(segment.segment_id, footage.footage_id, raining=True, diverse=True)
    files = write_scene(segment, footage, CHOSEN, times, workspace)
    scene = Scene(files.scene_id, segment.segment_id, footage.footage_id, footage.source_id, split="test", place_id="here")
    scene = replace(scene, frames=files.frames, frame_index=CHOSEN, pts_s=times, sha256=files.sha256, median=files.median)
    mask = np.full((files.height, files.width), 255, np.uint8)
    mask[:28] = 0
    write_png(workspace.root / "scenes" / files.scene_id / "mask.png", mask)
    scene = replace(scene, width=files.width, height=files.height, crop_left=8, crop_top=4, mask=f"scenes/{files.scene_id}/mask.png")
    return segment, rain, scene


def encoded(clip: Path, to: Path, *, crf: int = 26, scale: float = 1.0, drop: tuple[int, ...] = ()) -> Path:
    """The clip encoded again, at another quality or size, without some of its frames."""
    pictures = [frame.picture for frame in frames(clip) if frame.index not in drop]
    width, height = (round(side * scale / 2) * 2 for side in (CLIP.width, CLIP.height))
    with av.open(str(to), "w") as container:
        stream = container.add_stream("libx264", rate=int(CLIP.fps), options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            resized = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(resized, format="rgb24")))
        container.mux(stream.encode(None))
    return to


def outcome(released: Path, workspace: Workspace) -> Rebuilt:
    (found,) = rebuild(released, workspace).scenes
    return found


def test_the_same_bytes_give_the_same_scene(released: Path, clip: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with_footage(workspace, clip, "https://example.org/elsewhere.mp4")
    found = rebuild(released, workspace, workers=1)
    (original,) = read_rows(Scene, released)
    (row,) = read_rows(Scene, workspace.table(Scene))
    assert (found.counts, found.survivors) == ({"same": 1}, [original.scene_id])
    assert (row.scene_id, row.sha256, row.split, row.place_id) == (original.scene_id, original.sha256, "test", "here")
    assert check(workspace, media=True, workers=0)[1] == []
    load_scene(row, workspace, False)
    assert read_picture(workspace.resolve(row.mask or ""), grey=True).mean() == 255 * 0.75


@pytest.mark.parametrize(
    ("change", "shift"),
    [
        ({"crf": 20}, 0),
        ({"crf": 28}, 0),
        ({"crf": 34}, 0),
        ({"scale": 0.75}, 0),
        ({"scale": 1.5}, 0),
        ({"drop": (0, 1, 2, 3, 4)}, -5),
    ],
    ids=str,
)
def test_other_encodings_sizes_and_shifts_are_close(released: Path, clip: Path, tmp_path: Path, change, shift: int) -> None:  # type: ignore[no-untyped-def]
    workspace = Workspace(tmp_path / "w")
    footage = with_footage(workspace, encoded(clip, tmp_path / "again.mp4", **change))
    found = outcome(released, workspace)
    assert found.outcome == "close", found
    (row,) = read_rows(Scene, workspace.table(Scene))
    assert row == found.scene
    assert row.frame_index == tuple(index + shift for index in CHOSEN)
    assert (row.split, row.place_id, row.footage_id) == ("test", "here", footage.footage_id)
    scale = change.get("scale", 1)
    assert (row.width, row.height) == (144 * scale, 112 * scale)
    mask = read_picture(workspace.resolve(row.mask or ""), grey=True)
    assert mask.shape == (112 * scale, 144 * scale)
    assert (mask[: int(28 * scale)].max(), mask[int(28 * scale) :].min()) == (0, 255)
    assert check(workspace, media=True, workers=0)[1] == []


def test_other_frames_of_the_place_are_changed(released: Path, clip: Path, tmp_path: Path) -> None:
    """The same place in other rain; the clip without the chosen frames; another shape; another time."""
    render_clip(replace(CLIP, seed=7), tmp_path / "other.mp4")
    cases = {
        "other rain": tmp_path / "other.mp4",
        "neighbours": encoded(clip, tmp_path / "neighbours.mp4", drop=CHOSEN),
        "short": encoded(clip, tmp_path / "short.mp4", drop=tuple(range(20, CLIP.frames))),
    }
    for name, media in cases.items():
        workspace = Workspace(tmp_path / name)
        with_footage(workspace, media)
        found = outcome(released, workspace)
        assert (found.outcome, found.scene) == ("changed", None), (name, found)
        assert not workspace.table(Scene).exists()
    workspace = Workspace(tmp_path / "shape")
    footage = with_footage(workspace, cases["other rain"])
    write_rows(Footage, workspace.table(Footage), [replace(footage, width=200)], Provenance("a test"))
    assert outcome(released, workspace).detail == "the footage is 200x128 px now, and was 160x128"


def test_footage_that_is_not_there_is_gone_and_a_damaged_one_failed(released: Path, clip: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError, match="no such table"):
        rebuild(released, workspace)
    footage = with_footage(workspace, clip)
    write_rows(Footage, workspace.table(Footage), [replace(footage, sha256="0" * 64, source_id="another")], Provenance("a test"))
    assert outcome(released, workspace).detail == f"{URL} is not in the footage table; acquire it"
    failed = Footage("failed-1", "youtube", URL, URL, "failed", NOW, error_kind="removed", error="HTTP Error 404")
    append_rows(Footage, workspace.table(Footage), [failed], Provenance("a test"))
    assert outcome(released, workspace).detail == f"{URL} is not in the footage table (removed)"
    write_rows(Footage, workspace.table(Footage), [footage], Provenance("a test"))
    (workspace.root / (footage.path or "")).write_bytes(b"no video")
    found = outcome(released, workspace)
    assert (found.outcome, found.scene) == ("failed", None)
    assert "cannot be opened" in (found.detail or "")


def test_what_was_rebuilt_is_not_decoded_again(released: Path, clip: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    footage = with_footage(workspace, encoded(clip, tmp_path / "again.mp4"))
    first = rebuild(released, workspace)
    before = (workspace.table(Scene)).read_bytes()
    (workspace.root / (footage.path or "")).unlink()
    again = rebuild(released, workspace)
    assert (again.counts, again.fingerprint) == ({"close": 1}, first.fingerprint)
    assert workspace.table(Scene).read_bytes() == before


def test_what_was_unpacked_is_there_and_own_scenes_are_let_alone(released: Path, clip: Path, tmp_path: Path) -> None:
    publisher = Workspace(tmp_path / "publisher")
    table = release(publisher, replace(with_footage(publisher, clip), licence="CC-BY"), profile="own")
    with pytest.raises(InputError, match=r"scenes are chosen in this folder; rebuild those of a release in one of their own"):
        rebuild(table, publisher)
    reader = Workspace(tmp_path / "reader")
    unpack(table.parent, reader)
    write_rows(Footage, reader.table(Footage), [], Provenance("a test"))
    before = read_rows(Scene, reader.table(Scene))
    assert rebuild(table, reader).counts == {"same": 1}
    assert read_rows(Scene, reader.table(Scene)) == before


def test_from_links_alone_over_the_web(clip: Path, tmp_path: Path) -> None:
    """The real downloader, before and after the host encoded the video anew; told by the command."""
    web = tmp_path / "web"
    web.mkdir()
    shutil.copyfile(clip, web / "rain.mp4")
    settings = YoutubeSettings(allow_generic=True)
    with serve(web) as url:
        publisher, reader = Workspace(tmp_path / "publisher"), Workspace(tmp_path / "reader")
        youtube([f"{url}/rain.mp4"], settings, publisher)
        (footage,) = read_rows(Footage, publisher.table(Footage))
        table = release(publisher, footage)
        encoded(clip, web / "rain.mp4", crf=30, scale=0.8)
        youtube(table.with_name("footage.parquet"), settings, reader)
    command = ["sequences", "--from", str(table), "-C", str(reader.root), "--workers", "0"]
    lines = [json.loads(line) for line in CliRunner().invoke(main, [*command, "--json"]).stdout.splitlines()]
    assert [line["outcome"] for line in lines[:-1]] == ["close"]
    assert (lines[-1]["rebuilt"], lines[-1]["of"], lines[-1]["close"]) == (1, 1, 1)
    told = CliRunner().invoke(main, command).stdout
    assert "1 of 1 rebuilt (0 same, 1 close, 0 changed, 0 gone, 0 failed); fingerprint" in told
    assert lines[-1]["fingerprint"] in told


def test_whatever_hosts_did_to_their_videos(tmp_path: Path) -> None:
    """Over the web: encoded anew at three qualities, shifted, scaled, replaced, gone, and one left alone."""
    web = tmp_path / "web"
    web.mkdir()
    names = ("fine", "middling", "coarse", "shifted", "scaled", "replaced", "gone", "alone")
    for seed, name in enumerate(names):
        render_clip(replace(CLIP, name=name, seed=seed), web / f"{name}.mp4")
    settings = YoutubeSettings(allow_generic=True, tries=1)
    publisher, reader = Workspace(tmp_path / "publisher"), Workspace(tmp_path / "reader")
    with serve(web) as url:
        youtube([f"{url}/{name}.mp4" for name in names], settings, publisher)
        footage = read_rows(Footage, publisher.table(Footage))
        table = release(publisher, *footage)
        changes = {"fine": {"crf": 20}, "middling": {"crf": 28}, "coarse": {"crf": 34}, "scaled": {"scale": 0.75}}
        for name, change in {**changes, "shifted": {"drop": (0, 1, 2, 3, 4)}}.items():
            encoded(web / f"{name}.mp4", tmp_path / "again.mp4", **change)  # type: ignore[arg-type]
            (tmp_path / "again.mp4").replace(web / f"{name}.mp4")
        render_clip(replace(CLIP, name="replaced", seed=99), web / "replaced.mp4")
        (web / "gone.mp4").unlink()
        youtube(table.with_name("footage.parquet"), settings, reader)
    names_of = {row.footage_id: row.origin.rpartition("/")[2].removesuffix(".mp4") for row in footage}
    of_scenes = {row.scene_id: names_of[row.footage_id] for row in read_rows(Scene, publisher.table(Scene))}
    found = rebuild(table, reader)
    assert {of_scenes[scene.scene_id]: scene.outcome for scene in found.scenes} == {
        **dict.fromkeys(("fine", "middling", "coarse", "shifted", "scaled"), "close"),
        "replaced": "changed",
        "gone": "gone",
        "alone": "same",
    }
    assert found.counts == {"same": 1, "close": 5, "changed": 1, "gone": 1}


def test_settings_of_choosing_have_no_say(released: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["sequences", "--from", str(released), "-C", str(tmp_path), "--set", "n_frames=5"])
    assert result.exit_code == 2
    assert "--from" in result.stderr
