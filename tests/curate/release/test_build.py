"""A release: whole or not at all, the same bytes again, checkable by sha256sum, free of what is private or not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from curate.cli import main
from curate.release.build import build
from curate.release.rights import Profile
from curate.release.selection import select
from curate.release.versions import next_patch
from manifests.errors import InputError
from manifests.files import Provenance, file_sha256, read_rows, write_rows
from manifests.tables import Footage, Rain, Review, Scene
from tests.worlds import NOW, World, copy_world, make_world, write_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("made"))


@pytest.fixture
def world(tmp_path: Path, made: World) -> World:
    """A copy of its own: cheaper than making it again."""
    return copy_world(made, tmp_path / "a private folder")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_footage(world: World, number: int, **changes: object) -> None:
    world.footage[number] = replace(world.footage[number], **changes)  # type: ignore[arg-type]
    write_world(world)


def test_links_hold_tables_and_words_but_no_pixels(world: World) -> None:
    release = build(world.workspace)
    assert release.version == "0.1.0"
    assert sorted(contents(release.folder)) == [
        "CHANGELOG.md",
        "CITATION.cff",
        "DATASHEET.md",
        "LICENCES.md",
        "README.md",
        "SHA256SUMS",
        "build.json",
        "croissant.json",
        "figures/coverage.png",
        "figures/rain-rose.png",
        "footage.parquet",
        "index.parquet",
        "rain.parquet",
        "scenes.parquet",
        "segments.parquet",
        "splits.tsv",
        "withdrawals.parquet",
    ]
    scenes = read_rows(Scene, release.folder / "scenes.parquet")
    assert [scene.scene_id for scene in scenes] == sorted(scene.scene_id for scene in world.scenes[:3])
    by_id = {scene.scene_id: scene for scene in world.scenes}
    for scene in scenes:
        made = by_id[scene.scene_id]
        assert (scene.sha256, scene.frame_index, scene.pts_s, scene.split) == (made.sha256, made.frame_index, made.pts_s, made.split)
        assert scene.mask is None


def test_own_holds_every_frame_as_it_is_in_a_tar_of_sorted_timeless_members(world: World) -> None:
    release = build(world.workspace, profile="own")
    for number, split in enumerate(("train", "test", "val")):
        scene = world.scenes[number]
        with tarfile.open(release.folder / "shards" / f"{split}-000000.tar") as archive:
            members = archive.getmembers()
            assert [member.name for member in members] == sorted(member.name for member in members)
            assert all((m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) == (0, 0, 0, "", "", 0o644) for m in members)
            names = [f"scenes/{scene.scene_id}.{index:02d}.png" for index in range(5)]
            for name, frame in zip(names, scene.frames, strict=True):
                member = archive.extractfile(name)
                assert member is not None
                assert member.read() == world.workspace.resolve(frame).read_bytes()
            about = archive.extractfile(f"scenes/{scene.scene_id}.json")
            assert about is not None
            assert json.load(about)["frame_index"] == [0, 1, 2, 3, 4]
    assert (release.folder / "shards" / "train-000000.tar").read_bytes()[257:265] == b"ustar\x0000"


def test_unpacked_pictures_lie_where_the_scenes_table_says(world: World) -> None:
    folder = build(world.workspace, profile="own").folder
    for shard in (folder / "shards").iterdir():
        subprocess.run(["tar", "-xf", shard], cwd=folder, check=True)
    for scene in read_rows(Scene, folder / "scenes.parquet"):
        assert tuple(file_sha256(folder / frame) for frame in scene.frames) == scene.sha256
        assert scene.mask is not None
        assert (folder / scene.mask).is_file()


def test_shards_split_at_their_size_and_never_divide_a_scene(tmp_path: Path) -> None:
    world = make_world(tmp_path, scenes=6)
    folder = build(world.workspace, profile="own", shard_bytes=30_000).folder
    shards = sorted(path.name for path in (folder / "shards").iterdir())
    assert shards == [f"{split}-00000{number}.tar" for split in ("test", "train", "val") for number in (0, 1)]
    keys: list[set[str]] = []
    for shard in shards:
        with tarfile.open(folder / "shards" / shard) as archive:
            keys.append({Path(name).name.partition(".")[0] for name in archive.getnames()})
    assert all(len(found) == 1 for found in keys)
    assert len(set.union(*keys)) == 6


@pytest.mark.parametrize("profile", ["links", "own"])
def test_a_rebuild_is_byte_identical_whatever_the_order_of_rows_and_the_place(world: World, tmp_path: Path, profile: Profile) -> None:
    first = build(world.workspace, "1.2.3", profile)
    moved = copy_world(world, tmp_path / "elsewhere")
    for rows in (moved.footage, moved.segments, moved.rain, moved.scenes):
        rows.reverse()
    write_world(moved)
    shutil.rmtree(moved.workspace.root / "release")
    assert contents(build(moved.workspace, "1.2.3", profile).folder) == contents(first.folder)


def test_plain_sha256sum_passes_and_finds_a_flipped_bit(world: World) -> None:
    folder = build(world.workspace, profile="own").folder
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(contents(folder)) - {"SHA256SUMS"}
    check = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 0
    shard = folder / "shards" / "val-000000.tar"
    damaged = bytearray(shard.read_bytes())
    damaged[2000] ^= 1
    shard.write_bytes(damaged)
    found = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "val-000000.tar: FAILED" in found.stdout


def test_nothing_of_the_users_machine_is_in_the_tables(world: World) -> None:
    with_footage(
        world,
        0,
        source="tripod",
        source_id="/home/someone/camera/rain.mp4",
        origin="/home/someone/camera/rain.mp4",
        path="/home/someone/camera/rain.mp4",
        also_at=("/mnt/disk/copy.mp4",),
    )
    with_footage(world, 1, source="youtube", source_id="abc", origin="https://someone:secret@example.org/watch?v=abc")
    world.scenes[0] = replace(world.scenes[0], source_id="/home/someone/camera/rain.mp4")
    write_world(world)
    folder = build(world.workspace).folder
    for table in folder.glob("*.parquet"):
        text = str(pq.read_table(table).to_pylist()) + str(pq.read_schema(table).metadata)
        for private in ("someone", "/home", "/mnt", "secret", str(world.workspace.root)):
            assert private not in text, (table.name, private)
    footage = {row.footage_id: row for row in read_rows(Footage, folder / "footage.parquet")}
    assert footage[world.footage[1].footage_id].origin == "https://example.org/watch?v=abc"
    assert footage[world.footage[0].footage_id].origin == "rain.mp4"
    scenes = {row.scene_id: row for row in read_rows(Scene, folder / "scenes.parquet")}
    assert scenes[world.scenes[0].scene_id].source_id == footage[world.footage[0].footage_id].source_id


@pytest.mark.parametrize(
    ("licence", "own", "full"),
    [
        (None, "no licence or provenance stated", "no licence or provenance stated"),
        ("Standard YouTube License", "licence not free", None),
        ("Creative Commons Attribution license (reuse allowed)", None, None),
        ("CC-BY 4.0", None, None),
    ],
)
def test_pixels_follow_the_licence_and_the_profile(world: World, licence: str | None, own: str | None, full: str | None) -> None:
    with_footage(world, 0, source="youtube", source_id="abc", origin="https://example.org/abc", licence=licence)
    scene = world.scenes[0].scene_id
    assert select(world.workspace, "links").pixels == frozenset()
    for profile, why in (("own", own), ("full", full)):
        selection = select(world.workspace, profile)  # type: ignore[arg-type]
        assert selection.without_pixels.get(scene) == why
        assert (scene in selection.pixels) == (why is None)
        assert len(selection.pixels) == 2 + (why is None)


def test_footage_of_others_without_an_origin_stays_out(world: World) -> None:
    with_footage(world, 0, source="youtube", source_id="abc", origin="")
    with_footage(world, 1, origin="")  # our own
    selection = select(world.workspace, "links")
    footage_id = world.footage[0].footage_id
    assert selection.rejected == {world.scenes[0].scene_id: f"no provenance: the origin of footage {footage_id} is not stated"}
    assert len(selection.scenes) == 2


def test_full_is_refused_unless_confirmed(world: World) -> None:
    with pytest.raises(InputError, match="--confirm-full"):
        build(world.workspace, profile="full")
    assert not (world.workspace.root / "release").exists()


def test_scenes_rejected_in_review_stay_out(world: World) -> None:
    scene = world.scenes[1]
    review = Review(f"{scene.scene_id} someone", scene.scene_id, "someone", "reject", NOW, "a drop on the lens")
    write_rows(Review, world.workspace.table(Review), [review], Provenance("test"))
    release = build(world.workspace)
    assert release.selection.rejected == {scene.scene_id: "rejected in review: a drop on the lens"}
    assert scene.scene_id not in {row.scene_id for row in read_rows(Scene, release.folder / "scenes.parquet")}
    assert scene.footage_id not in {row.footage_id for row in read_rows(Footage, release.folder / "footage.parquet")}


def damage_a_frame(world: World) -> str:
    path = world.workspace.resolve(world.scenes[0].frames[2])
    path.write_bytes(path.read_bytes()[:-1])
    return f"{path.name}.*has changed"


def lose_a_frame(world: World) -> str:
    path = world.workspace.resolve(world.scenes[2].frames[0])
    path.unlink()
    return f"{path.name}.*cannot be read"


def lose_a_mask(world: World) -> str:
    assert world.scenes[1].mask is not None
    world.workspace.resolve(world.scenes[1].mask).unlink()
    return "mask of scene .* is missing"


def leak_a_place(world: World) -> str:
    world.scenes[1] = replace(world.scenes[1], place_id=world.scenes[0].place_id)
    write_world(world)
    return "place_id place-rain-000 is in test and train"


def double_a_scene(world: World) -> str:
    path = world.workspace.table(Scene)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    return f"scene {world.scenes[0].scene_id} has two rows"


def garble_a_table(world: World) -> str:
    world.workspace.table(Rain).write_bytes(b"no table")
    return r"tables cannot be read: .*rain\.parquet"


@pytest.mark.parametrize("damage", [damage_a_frame, lose_a_frame, lose_a_mask, leak_a_place, double_a_scene, garble_a_table])
@pytest.mark.parametrize("profile", ["links", "own"])
def test_damage_refuses_the_release_and_leaves_nothing(world: World, damage, profile: Profile) -> None:  # type: ignore[no-untyped-def]
    message = damage(world)
    with pytest.raises(InputError, match=message):
        build(world.workspace, profile=profile)
    assert not (world.workspace.root / "release").exists()


def test_rows_that_do_not_hold_leave_out_their_scenes_alone(world: World) -> None:
    first, second, third = world.scenes[:3]
    world.footage.pop(0)
    world.segments[1] = replace(world.segments[1], first_frame=7)
    reviews = [
        Review(f"{third.scene_id} someone", third.scene_id, "someone", "accept", NOW),
        Review("gone someone", "gone", "someone", "reject", NOW, "its scene was made anew"),
    ]
    write_world(world)
    write_rows(Review, world.workspace.table(Review), reviews, Provenance("test"))
    selection = select(world.workspace, "links")
    assert [scene.scene_id for scene in selection.scenes] == [third.scene_id]
    assert selection.rejected == {
        first.scene_id: f"does not hold: scenes {first.scene_id}: footage_id {first.footage_id} is not in the footage table",
        second.scene_id: f"does not hold: segments {second.segment_id}: span [7, 5) is turned round",
    }
    result = command(world, "--json")
    *told, summary = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["scene_id"]: line["reason"] for line in told} == selection.rejected
    assert (result.exit_code, summary["scenes"], summary["damaged"]) == (3, 1, 2)


def test_a_failure_half_way_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("curate.release.build.write_tables", full_disk)  # after the shards were written
    with pytest.raises(InputError, match="No space left"):
        build(world.workspace, profile="own")
    assert not (world.workspace.root / "release").exists()


def test_a_version_that_exists_or_is_none_is_refused(world: World) -> None:
    before = contents(build(world.workspace, "0.2.0").folder)
    with pytest.raises(InputError, match=r"the next version is 0\.2\.1"):
        build(world.workspace, "0.2.0", "own")
    for wrong in ("1.0", "v1.0.0", "../1.0.0", "01.0.0", ""):
        with pytest.raises(InputError, match="three numbers"):
            build(world.workspace, wrong)
    assert contents(world.workspace.root / "release" / "0.2.0") == before
    assert [path.name for path in (world.workspace.root / "release").iterdir()] == ["0.2.0"]


def test_versions_count_as_numbers_and_default_to_the_next_patch(tmp_path: Path) -> None:
    assert next_patch(tmp_path / "none") == "0.1.0"
    for name in ("0.9.9", "0.10.0", "0.2.30", ".building-7.0.0-1", "notes"):
        (tmp_path / name).mkdir()
    assert next_patch(tmp_path) == "0.10.1"


def test_the_change_log_counts_against_the_previous_release(world: World) -> None:
    build(world.workspace)
    gone = world.scenes.pop(0)
    write_world(world)
    release = build(world.workspace)
    text = (release.folder / "CHANGELOG.md").read_text()
    assert release.version == "0.1.1"
    assert "2 scenes, 0 with pixels; profile `links`. Against 0.1.0: 0 came, 1 went, 0 changed." in text
    assert text.index("## 0.1.1") < text.index("## 0.1.0") < text.index("First release: 3 scenes")
    assert gone.scene_id in {row.scene_id for row in read_rows(Scene, world.workspace.root / "release" / "0.1.0" / "scenes.parquet")}


def test_building_on_a_release_leaves_it_as_it_was(world: World) -> None:
    first = build(world.workspace)
    before = contents(first.folder)
    build(world.workspace, profile="own")
    assert contents(first.folder) == before


def test_the_card_counts_what_is_in_it(world: World) -> None:
    with_footage(world, 0, source="youtube", source_id="abc", origin="https://example.org/abc", licence=None)
    text = (build(world.workspace, profile="own").folder / "README.md").read_text()
    assert "3 scenes, 15 frames" in text
    assert "| train | 1 | 5 | 1 | 1 | 0 |" in text
    assert "| test | 1 | 5 | 1 | 1 | 1 |" in text
    assert "| youtube | none stated | 1 | 1 | 0 |" in text
    assert "| simulated | own footage, none stated | 2 | 2 | 2 |" in text
    assert "1 (no licence or provenance stated)." in text
    assert "sha256sum -c SHA256SUMS" in text


def test_a_dry_run_writes_nothing_and_knows_the_size(world: World) -> None:
    release = build(world.workspace, profile="own", dry_run=True)
    named = [path for scene in world.scenes if scene.mask is not None for path in (*scene.frames, scene.mask)]
    expected = sum(world.workspace.resolve(path).stat().st_size for path in named)
    assert release.bytes == expected
    assert not (world.workspace.root / "release").exists()


def test_a_dataset_without_scenes_names_the_table_and_the_cure(world: World) -> None:
    world.scenes[:] = world.scenes[3:]
    write_world(world)
    with pytest.raises(InputError, match=r"scenes\.parquet: none of its scenes can be released .*curate sequences"):
        build(world.workspace)


def command(world: World, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["release", "build", "-C", str(world.workspace.root), "--workers", "0", *arguments])


def test_the_command_tells_what_it_built(world: World) -> None:
    foreseen = json.loads(command(world, "--dry-run", "--json", "--profile", "own").stdout)
    assert (foreseen["written"], foreseen["with_pixels"]) == (False, 3)
    built = json.loads(command(world, "--json").stdout)
    assert (built["written"], built["scenes"], built["with_pixels"]) == (True, 3, 0)
    assert built["bytes"] == sum(len(content) for content in contents(Path(built["release"])).values())


def test_the_command_says_row_by_row_what_it_left_out(world: World) -> None:
    first, second, _ = (scene.scene_id for scene in world.scenes[:3])
    review = Review(f"{first} someone", first, "someone", "reject", NOW, "a drop on the lens")
    write_rows(Review, world.workspace.table(Review), [review], Provenance("test"))
    with_footage(world, 1, source="youtube", source_id="abc", origin="https://example.org/abc", licence=None)
    *rows, summary = [json.loads(line) for line in command(world, "--json", "--dry-run", "--profile", "own").stdout.splitlines()]
    assert rows == [
        {"scene_id": first, "left_out": "scene", "reason": "rejected in review: a drop on the lens"},
        {"scene_id": second, "left_out": "pixels", "reason": "no licence or provenance stated"},
    ]
    assert (summary["scenes"], summary["with_pixels"], summary["rejected"]) == (2, 1, 1)
    told = command(world, "--dry-run", "--profile", "own").stdout
    assert "1 left out: rejected in review: a drop on the lens" in told
    assert "pixels of 1 left out: no licence or provenance stated" in told


def test_the_command_refuses_in_one_line(world: World) -> None:
    damage_a_frame(world)
    refused = command(world)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: nothing released, frames are missing or damaged:")
    assert command(world, "--profile", "everything").exit_code == 2


def test_workers_check_frames_as_this_process_does(world: World) -> None:
    damage_a_frame(world)
    with pytest.raises(InputError, match="has changed"):
        build(world.workspace, workers=1)
    assert not (world.workspace.root / "release").exists()
