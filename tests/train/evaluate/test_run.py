"""Every frame of a scene and every pair is scored, against the truth as the scene shows it, once, and said."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from manifests.errors import InputError
from manifests.files import read_rows
from manifests.media import read_picture, write_png
from manifests.tables import Scene, Score
from manifests.workspace import Workspace
from tests.worlds import World, add_streaks, background, clean_picture, make_world, write_world
from train.cli import main
from train.evaluate.run import LeftOut, evaluate
from train.metrics import PROTOCOLS, as_8_bit, score
from train.network import DerainingNetwork, build
from train.presets import SMALL

Picture = npt.NDArray[np.uint8]


def one_less(picture: Picture) -> npt.NDArray[np.float32]:
    """Stands in for a network: every pixel one and a quarter level darker."""
    return np.asarray(np.maximum(picture.astype(np.float32) - 1.25, 0) / 255, dtype=np.float32)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "work")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """What the network was shown."""
    shown: list[Picture] = []

    def derained(_network: DerainingNetwork, picture: Picture) -> npt.NDArray[np.float32]:
        shown.append(picture)
        return one_less(picture)

    monkeypatch.setattr("train.evaluate.run.load_network", lambda _path: build(SMALL))
    monkeypatch.setattr("train.evaluate.run.derain_picture", derained)
    return shown


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"weights")
    return path


def test_every_frame_is_scored_against_the_truth_as_the_scene_shows_it(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    found = evaluate(checkpoint, world.workspace.table(Scene), protocols=PROTOCOLS, workspace=world.workspace)
    clean = clean_picture(world, 1)  # the test split's scene
    rainy = [read_picture(world.workspace.resolve(frame)) for frame in world.scenes[1].frames]
    stack = np.stack(rainy)
    candidates: dict[str, list[npt.NDArray[np.float32]] | list[Picture]] = {
        "ours": [one_less(picture) for picture in rainy],
        "input": rainy,
        "temporal mean": [(stack.mean(axis=0) / 255).astype(np.float32)],
        "temporal median": [(np.median(stack, axis=0) / 255).astype(np.float32)],
    }
    assert (found.left_out, found.failed) == ((), ())
    for protocol in PROTOCOLS:
        for method, pictures in candidates.items():
            expected = np.mean([score(picture, clean, protocol) for picture in pictures], axis=0)
            result = found.result(protocol, method)
            assert result.n == len(pictures)
            np.testing.assert_allclose([result.psnr or 0, result.ssim], expected)
    assert found.result("rgb", "temporal median").ssim > found.result("rgb", "input").ssim + 0.1


def test_rows_are_stored_with_what_they_were_made_of_and_not_computed_again(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    def run() -> list[Score]:
        found = evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)
        stored = read_rows(Score, world.workspace.table(Score))
        assert sorted(stored, key=lambda row: row.score_id) == sorted(found.scores, key=lambda row: row.score_id)
        return stored

    rows = run()
    assert len(rows) == 5 * 2 + 2
    ours = next(row for row in rows if row.checkpoint is not None)
    assert ours.picture == world.scenes[1].frames[0]
    assert ours.picture_sha256 == world.scenes[1].sha256[0]
    assert ours.truth == "truth/rain-001.png"
    assert ours.scene_id == world.scenes[1].scene_id
    assert "torch" in ours.versions
    shown = len(calls)
    assert run() == rows
    assert len(calls) == shown + 1  # the scene's worst picture is drawn again, and nothing else
    checkpoint.write_bytes(b"other weights")
    assert len(run_other(world, checkpoint)) == len(rows) + 5  # doing nothing and the temporal rows are known already


def run_other(world: World, checkpoint: Path) -> list[Score]:
    evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)
    return read_rows(Score, world.workspace.table(Score))


def test_an_interrupted_evaluation_goes_on(world: World, checkpoint: Path, calls: list[Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    world.scenes[0] = replace(world.scenes[0], split="test")
    write_world(world)

    last = max(world.scenes[:2], key=lambda scene: scene.scene_id)  # scenes are scored in order of their ids
    in_hand = read_picture(world.workspace.resolve(last.frames[2]))

    def interrupted(_network: DerainingNetwork, picture: Picture) -> npt.NDArray[np.float32]:
        if np.array_equal(picture, in_hand):
            raise KeyboardInterrupt
        calls.append(picture)
        return one_less(picture)

    with monkeypatch.context() as patch:
        patch.setattr("train.evaluate.run.derain_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)
    first_scene = read_rows(Score, world.workspace.table(Score))
    assert len(first_scene) == 12
    calls.clear()
    found = evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)
    assert len(found.scores) == 24
    assert len(calls) == 5 + 2


def folder_of_pairs(root: Path, number: int = 3) -> Path:
    rng = np.random.default_rng(0)
    for index in range(number):
        clean = background(40, 36, rng)
        write_png(root / "input" / f"{index}.png", add_streaks(clean, rng))
        write_png(root / "target" / f"{index}.png", clean)
    return root


def test_pairs_are_scored_and_what_stays_unpaired_is_named(tmp_path: Path, checkpoint: Path, calls: list[Picture]) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs")
    write_png(pairs / "input" / "lonely.png", np.zeros((36, 40, 3), np.uint8))
    found = evaluate(checkpoint, pairs=pairs, protocols=["y-mprnet"], workspace=Workspace(tmp_path / "work"))
    assert found.left_out == (LeftOut("pictures without a partner", ("input/lonely.png",)),)
    rainy = [read_picture(pairs / "input" / f"{index}.png") for index in range(3)]
    clean = [read_picture(pairs / "target" / f"{index}.png") for index in range(3)]
    for method, way in (("ours", one_less), ("input", as_8_bit)):
        expected = np.mean([score(way(a), b, "y-mprnet") for a, b in zip(rainy, clean, strict=True)], axis=0)
        result = found.result("y-mprnet", method)
        assert result.n == 3
        np.testing.assert_allclose([result.psnr or 0, result.ssim], expected)
    with pytest.raises(KeyError):
        found.result("y-mprnet", "temporal median")
    assert found.worst is not None
    assert found.worst == tmp_path / "work" / "report" / found.worst.name
    assert read_picture(found.worst).shape[1] > 4 * 40


def test_pictures_that_were_moved_are_not_scored_again(tmp_path: Path, checkpoint: Path, calls: list[Picture]) -> None:
    pairs, workspace = folder_of_pairs(tmp_path / "pairs"), Workspace(tmp_path / "work")
    before = evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=workspace)
    (pairs / "target").rename(pairs / "gt")
    after = evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=workspace)
    assert [row.psnr for row in after.scores] == [row.psnr for row in before.scores]
    assert {Path(row.truth).parent.name for row in after.scores} == {"gt"}
    assert after.worst is not None


def test_a_perfect_output_has_no_finite_psnr_and_is_not_in_the_mean(tmp_path: Path, checkpoint: Path, calls: list[Picture]) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs", 2)
    write_png(pairs / "input" / "1.png", read_picture(pairs / "target" / "1.png"))
    found = evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=Workspace(tmp_path / "work"))
    only = score(read_picture(pairs / "input" / "0.png"), read_picture(pairs / "target" / "0.png"), "rgb")
    assert found.result("rgb", "input").psnr == pytest.approx(only[0])
    assert found.result("rgb", "input").ssim == pytest.approx((only[1] + 1) / 2)
    assert found.result("rgb", "input").n == 2


def change_a_frame(world: World) -> str:
    path = world.workspace.resolve(world.scenes[1].frames[3])
    write_png(path, np.zeros((40, 48, 3), np.uint8))
    return "has changed since its scene was made"


def lose_a_frame(world: World) -> str:
    world.workspace.resolve(world.scenes[1].frames[0]).unlink()
    return "no such picture"


def lose_the_truth(world: World) -> str:
    assert world.truth[1].clean is not None
    world.workspace.resolve(world.truth[1].clean).unlink()
    return "rain-001.png"


def shrink_the_truth(world: World) -> str:
    assert world.truth[1].clean is not None
    write_png(world.workspace.resolve(world.truth[1].clean), np.zeros((30, 30, 3), np.uint8))
    return "is 30x30 px, and a scene shows 48x40 px of it at 4, 8"


@pytest.mark.parametrize("damage", [change_a_frame, lose_a_frame, lose_the_truth, shrink_the_truth])
def test_a_damaged_scene_fails_by_name_and_the_others_are_scored(
    world: World, checkpoint: Path, calls: list[Picture], damage: Callable[[World], str]
) -> None:
    world.scenes[0] = replace(world.scenes[0], split="test")
    write_world(world)
    message = damage(world)
    found = evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)
    lost_frames = 1 if damage in (change_a_frame, lose_a_frame) else 5
    assert len(found.failed) == 1
    assert message in found.failed[0]
    assert found.result("rgb").n == 10 - lost_frames
    assert found.result("rgb", "temporal median").n == 1  # a mean of other frames would be another picture
    if lost_frames < 5:
        return
    world.scenes[0] = replace(world.scenes[0], split="train")
    write_world(world)
    with pytest.raises(InputError, match="nothing could be scored"):
        evaluate(checkpoint, world.workspace.table(Scene), protocols=["rgb"], workspace=world.workspace)


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_command_prints_a_table_and_json_lines(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    scenes = world.workspace.table(Scene)
    text = command(checkpoint, scenes)
    assert text.exit_code == 0
    assert [line.split()[:2] for line in text.stdout.splitlines()[1:3]] == [["y-mprnet", "ours"], ["y-mprnet", "input"]]
    lines = [
        json.loads(line) for line in command(checkpoint, scenes, "--json", "--protocol", "rgb", "--protocol", "spanet").stdout.splitlines()
    ]
    assert [line["protocol"] for line in lines] == ["rgb", "spanet"]
    assert list(lines[0])[:6] == ["protocol", "n", "psnr", "ssim", "psnr_input", "ssim_input"]
    found = evaluate(checkpoint, scenes, protocols=["rgb"], workspace=world.workspace)
    ours, nothing = found.result("rgb"), found.result("rgb", "input")
    assert {key: lines[0][key] for key in ("n", "psnr", "ssim", "psnr_input", "ssim_input")} == {
        "n": 5,
        "psnr": ours.psnr,
        "ssim": ours.ssim,
        "psnr_input": nothing.psnr,
        "ssim_input": nothing.ssim,
    }


def test_the_command_says_what_is_wrong_in_one_line(world: World, checkpoint: Path, tmp_path: Path) -> None:
    wrong = command(checkpoint, world.workspace.table(Scene))
    assert wrong.exit_code == 1
    assert "checkpoint.safetensors" in wrong.stderr
    assert len(wrong.stderr.strip().splitlines()) == 1
    assert command(checkpoint, tmp_path / "scenes.parquet").exit_code == 1
    assert command(checkpoint, world.workspace.table(Scene), "--pairs", tmp_path).exit_code == 2


def test_the_command_ends_with_3_when_some_failed(world: World, checkpoint: Path, calls: list[Picture]) -> None:
    world.scenes[0] = replace(world.scenes[0], split="test")
    write_world(world)
    lose_a_frame(world)
    ended = command(checkpoint, world.workspace.table(Scene))
    assert ended.exit_code == 3
    assert "failed: " in ended.stderr


def gt_rain_scene(root: Path, frames: int = 3) -> Path:
    rng = np.random.default_rng(1)
    clean = background(40, 36, rng)
    write_png(root / "Oinari_0-0" / "Oinari_0-0-Webcam-C-000.png", clean)
    for number in range(frames):
        write_png(root / "Oinari_0-0" / f"Oinari_0-0-Webcam-R-{number:03d}.png", add_streaks(clean, rng))
    return root


def test_a_scene_of_gt_rain_has_temporal_rows(tmp_path: Path, checkpoint: Path, calls: list[Picture]) -> None:
    found = evaluate(checkpoint, pairs=gt_rain_scene(tmp_path / "GT-RAIN_test"), protocols=["rgb"], workspace=Workspace(tmp_path / "work"))
    assert {result.method: result.n for result in found.results} == {"ours": 3, "input": 3, "temporal mean": 1, "temporal median": 1}
    assert found.result("rgb", "temporal median").psnr_input == found.result("rgb", "input").psnr
    assert {row.scene_id for row in found.scores} == {None}  # a scene of no table


def test_a_picture_on_which_the_network_fails_is_named_and_the_others_are_scored(
    tmp_path: Path, checkpoint: Path, calls: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    def short_of_memory(_network: DerainingNetwork, picture: Picture) -> npt.NDArray[np.float32]:
        calls.append(picture)
        if len(calls) == 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return one_less(picture)

    monkeypatch.setattr("train.evaluate.run.derain_picture", short_of_memory)
    found = evaluate(checkpoint, pairs=gt_rain_scene(tmp_path / "GT-RAIN_test"), protocols=["rgb"], workspace=Workspace(tmp_path / "work"))
    assert (found.result("rgb", "ours").n, found.result("rgb", "input").n) == (2, 3)
    (told,) = found.failed
    assert told.endswith("Oinari_0-0-Webcam-R-001.png: the network fails on it (CUDA out of memory. Tried to allocate 2.00 GiB)")


def test_ctrl_c_keeps_what_is_scored_of_a_long_scene(
    tmp_path: Path, checkpoint: Path, calls: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, workspace = gt_rain_scene(tmp_path / "GT-RAIN_test", 40), Workspace(tmp_path / "work")

    def interrupted(_network: DerainingNetwork, picture: Picture) -> npt.NDArray[np.float32]:
        calls.append(picture)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return one_less(picture)

    with monkeypatch.context() as patch:
        patch.setattr("train.evaluate.run.derain_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=workspace)
    assert 4 <= len(calls) < 40
    assert len(read_rows(Score, workspace.table(Score))) == 2 * len(calls)
    known = len(calls)
    assert evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=workspace).result("rgb", "ours").n == 40
    assert len(calls) == 40 + 1  # the worst is drawn
    assert known < 40


def test_outputs_of_other_methods_are_compared_on_the_pictures_that_they_have(
    tmp_path: Path, checkpoint: Path, calls: list[Picture]
) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs")
    for index in (0, 2):
        write_png(tmp_path / "PReNet" / f"{index}_out.png", read_picture(pairs / "target" / f"{index}.png") // 2)
    write_png(tmp_path / "PReNet" / "logo.png", np.zeros((5, 5, 3), np.uint8))
    outputs = {"PReNet": tmp_path / "PReNet", "nothing": pairs / "input"}
    found = evaluate(checkpoint, pairs=pairs, outputs=outputs, protocols=["rgb"], workspace=Workspace(tmp_path / "work"))
    assert [result.method for result in found.results] == ["ours", "PReNet", "nothing", "input"]
    assert found.left_out == (
        LeftOut("pictures without an output of PReNet", ("1.png",)),
        LeftOut("outputs of PReNet without a rainy picture", ("logo.png",)),
    )
    clean = [read_picture(pairs / "target" / f"{index}.png") for index in range(3)]
    expected = np.mean([score(clean[index] // 2, clean[index], "rgb") for index in (0, 2)], axis=0)
    theirs, nothing = found.result("rgb", "PReNet"), found.result("rgb", "nothing")
    np.testing.assert_allclose([theirs.psnr or 0, theirs.ssim], expected)
    without_1 = [score(read_picture(pairs / "input" / f"{index}.png"), clean[index], "rgb")[0] for index in (0, 2)]
    assert theirs.psnr_input == pytest.approx(np.mean(without_1))
    assert (nothing.psnr, nothing.ssim) == (found.result("rgb", "input").psnr, found.result("rgb", "input").ssim)


def test_threads_enter_the_network_one_at_a_time_and_rows_keep_their_order(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Lock()

    def derained(_network: DerainingNetwork, picture: Picture) -> npt.NDArray[np.float32]:
        assert entered.acquire(blocking=False)
        time.sleep(0.002)
        entered.release()
        return one_less(picture)

    monkeypatch.setattr("train.evaluate.run.load_network", lambda _path: build(SMALL))
    monkeypatch.setattr("train.evaluate.run.derain_picture", derained)
    pairs = folder_of_pairs(tmp_path / "pairs", 12)
    found = evaluate(checkpoint, pairs=pairs, protocols=["rgb"], workspace=Workspace(tmp_path / "work"))
    assert found.failed == ()
    assert [Path(row.picture).stem for row in found.scores if row.method == "input"] == [str(index) for index in range(12)]


def test_outputs_need_no_checkpoint_and_cannot_take_others_names(tmp_path: Path) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs")
    workspace = Workspace(tmp_path / "work")
    found = evaluate(pairs=pairs, outputs={"clean": pairs / "target"}, protocols=["rgb"], workspace=workspace)
    assert found.checkpoint is None
    assert found.result("rgb", "clean").psnr is None
    assert found.result("rgb", "clean").ssim == pytest.approx(1)
    assert found.worst is None
    assert not list((tmp_path / "work").glob("report/*"))
    with pytest.raises(InputError, match="cannot be called 'input'"):
        evaluate(pairs=pairs, outputs={"input": pairs / "target"}, workspace=workspace)
    with pytest.raises(InputError, match="leave out the slash"):
        evaluate(pairs=pairs, outputs={"a/b": pairs / "target"}, workspace=workspace)
    with pytest.raises(InputError, match="--pairs"):
        evaluate(outputs={"clean": pairs / "target"}, workspace=workspace)
    nothing = evaluate(pairs=pairs, protocols=["rgb"], workspace=workspace)
    assert [result.method for result in nothing.results] == ["input"]
    assert nothing.worst is None


def test_the_command_compares_methods_in_one_table_and_tells_what_is_missing(tmp_path: Path) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs")
    (pairs / "input" / "2.png").unlink()
    asked = ("--pairs", pairs, "--outputs", pairs / "target", "--outputs", f"half={pairs / 'input'}", "-C", tmp_path / "work")
    text = command(*asked)
    assert text.exit_code == 0
    assert [line.split()[1] for line in text.stdout.splitlines()[1:4]] == ["target", "half", "input"]
    assert "left out: pictures without a partner: 1 (target/2.png)" in text.stderr
    assert "left out: outputs of target without a rainy picture: 1 (2.png)" in text.stderr
    lines = [json.loads(line) for line in command(*asked, "--json", "--protocol", "rgb").stdout.splitlines()]
    assert [(line["label"], line["checkpoint"], line["n"], line["failed"]) for line in lines] == [
        ("target", None, 2, 0),
        ("half", None, 2, 0),
    ]
    assert lines[0]["left_out"][0] == {"why": "pictures without a partner", "n": 1, "first": ["target/2.png"]}
    for wrong in (("--outputs", pairs / "target"), (*asked, "--outputs", f"half={pairs}"), (*asked, "--truth", tmp_path / "truth.parquet")):
        assert command(*wrong).exit_code == 2


def test_a_line_of_json_is_known_by_the_pictures_that_its_own_method_has(tmp_path: Path) -> None:
    pairs, fewer = folder_of_pairs(tmp_path / "pairs", 2), folder_of_pairs(tmp_path / "fewer", 2)
    (fewer / "target" / "1.png").unlink()
    asked = ("--pairs", pairs, "--outputs", f"all={pairs / 'target'}", "--outputs", f"half={fewer / 'target'}", "-C", tmp_path / "work")
    whole, half = (json.loads(line) for line in command(*asked, "--json", "--protocol", "rgb").stdout.splitlines())
    assert (whole["n"], half["n"]) == (2, 1)
    (pairs / "input" / "1.png").unlink()
    (smaller,) = (
        json.loads(line) for line in command("--pairs", pairs, "-C", tmp_path / "work", "--json", "--protocol", "rgb").stdout.splitlines()
    )
    assert half["data"] == smaller["data"] != whole["data"]


def test_bad_pictures_are_named_and_the_others_scored(tmp_path: Path) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs", 4)
    (pairs / "input" / "0.png").write_bytes(b"")
    (pairs / "target" / "1.png").write_bytes((pairs / "target" / "1.png").read_bytes()[:200])
    for folder in ("input", "target"):
        write_png(pairs / folder / "2.png", np.zeros((1, 1, 3), np.uint8))
    ended = command("--pairs", pairs, "-C", tmp_path / "work", "--protocol", "rgb")
    assert ended.exit_code == 3
    assert [line.split()[2] for line in ended.stdout.splitlines()[1:2]] == ["1"]
    failures = [line for line in ended.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failures) == 3
    for failure, words in zip(
        failures, ("input/0.png: cannot be read", "target/1.png: cannot be read", "input/2.png: cannot score"), strict=True
    ):
        assert words in failure
    write_png(pairs / "target" / "3.png", np.zeros((9, 9, 3), np.uint8))
    refused = command("--pairs", pairs, "-C", tmp_path / "work", "--protocol", "rgb")
    assert refused.exit_code == 1
    assert "input/3.png: 40x36 px, and its clean partner" in refused.stderr


def limited_to(size: int, *arguments: str | Path) -> Result:
    """The command where no file may grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        return command(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_run_in_one_line_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs")
    asked = ("--pairs", pairs, "--outputs", f"same={pairs / 'input'}", "--protocol", "rgb", "-C", tmp_path / "work")
    for size, scored in ((2_000, 0), (12_000, 6)):  # less than a row; less than the drawing
        ended = limited_to(size, *asked)
        assert ended.exit_code == 1
        assert "File too large" in ended.stderr.splitlines()[-1]
        assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tmp", ".png") and "pairs" not in path.parts]
        table = Workspace(tmp_path / "work").table(Score)
        assert (len(read_rows(Score, table)) if scored else table.exists()) == scored
    assert command(*asked).exit_code == 0


def test_an_output_that_is_something_else_is_named(tmp_path: Path) -> None:
    pairs = folder_of_pairs(tmp_path / "pairs", 1)
    table = Workspace(tmp_path / "work").table(Score)
    table.parent.mkdir(parents=True)
    table.write_bytes(b"not a table")
    ended = command("--pairs", pairs, "-C", tmp_path / "work")
    assert ended.exit_code == 1
    assert f"{table}: cannot be read as Parquet" in ended.stderr
    assert table.read_bytes() == b"not a table"
