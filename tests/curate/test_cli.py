"""The curate commands: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from curate.cli import main
from tests.curate.workspaces import small_world


def call(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_rain_and_sequences_from_the_command_line(tmp_path: Path) -> None:
    small_world(tmp_path)
    here = ["-C", str(tmp_path), "--workers", "0"]
    code, out, _ = call("rain-diversity", *here, "--dry-run")
    assert (code, out.splitlines()[0]) == (0, "segments to measure: 3")
    assert not (tmp_path / "manifests" / "rain.parquet").exists()
    code, out, _ = call("rain-diversity", *here)
    assert code == 0
    assert "segments: 2 kept, 1 rejected, 0 failed" in out
    assert "no rain streaks" in out
    code, out, _ = call("sequences", *here, "--set", "n_frames=8", "--json")
    assert code == 0
    *rows, summary = [json.loads(line) for line in out.splitlines()]
    assert [row["reason"] for row in rows] == [None, None]
    assert (summary["summary"], summary["kept"]) == ("scenes", 2)


def test_an_empty_folder_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    for command in ("rain-diversity", "sequences"):
        code, _, err = call(command, "-C", str(tmp_path))
        assert code == 1
        assert err.count("\n") == 1
        assert "no such table" in err


def test_a_wrong_setting_is_wrong_usage(tmp_path: Path) -> None:
    for setting in ("nothing=1", "n_frames=1", "n_frames=many"):
        assert call("sequences", "-C", str(tmp_path), "--set", setting)[0] == 2
