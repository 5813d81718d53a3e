"""The `acquire` command as a user meets it: one process, its output and its exit code."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from acquire.cli import main
from manifests.files import Provenance, write_rows
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.loopback import serve
from tests.manifests.clips import encode


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card").mkdir()
    encode(tmp_path / "card" / "clip.mp4", [index / 30 for index in range(10)])
    (tmp_path / "card" / "garbage.mp4").write_bytes(b"no video" * 100)
    return tmp_path / "card"


def test_tripod_then_status(card: Path, tmp_path: Path) -> None:
    result = run("tripod", card, "-C", tmp_path / "work", "--workers", "0")
    assert result.exit_code == 3
    assert "footage: 1 kept, 0 rejected, 1 failed" in result.stdout
    assert "decode" in result.stdout
    assert f"{card}/garbage.mp4" in result.stderr
    told = run("status", "-C", tmp_path / "work", "--json")
    assert told.exit_code == 0
    groups = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(group["source"], group["status"], group["error_kind"], group["number"]) for group in groups] == [
        ("tripod", "ok", None, 1),
        ("tripod", "failed", "decode", 1),
    ]
    assert "decode" in run("status", "-C", tmp_path / "work").stdout


def test_json_is_one_object_a_line(card: Path, tmp_path: Path) -> None:
    result = run("tripod", card, "-C", tmp_path / "work", "--workers", "0", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.get("status") for line in lines] == ["ok", "failed", None]
    assert lines[-1] == {"summary": "footage", "kept": 1, "rejected": 0, "failed": 1, "reasons": {"rejected": {}, "failed": {"decode": 1}}}


def test_tripod_dry_run_writes_nothing(card: Path, tmp_path: Path) -> None:
    result = run("tripod", card, "-C", tmp_path / "work", "--dry-run", "--json")
    assert result.exit_code == 0
    assert [json.loads(line)["source_id"] for line in result.stdout.splitlines()] == [f"{card}/clip.mp4", f"{card}/garbage.mp4"]
    assert not (tmp_path / "work").exists()
    assert "1 file, " in run("tripod", card, "-C", tmp_path / "work", "--dry-run").stdout


def test_youtube_fetches_from_the_list_and_strips_escapes(card: Path, tmp_path: Path) -> None:
    with serve(card) as url:
        (tmp_path / "urls.txt").write_text(f"{url}/clip.mp4\n\x1b]0;pwned\x07 bad line\n")
        result = run("youtube", tmp_path / "urls.txt", "-C", tmp_path / "work", "--allow-generic", "--set", "retry_sleep_s=0")
        told = run("youtube", tmp_path / "urls.txt", "-C", tmp_path / "other", "--allow-generic", "--dry-run")
    assert result.exit_code == 3
    assert "footage: 1 kept, 0 rejected, 1 failed" in result.stdout
    assert "line 2" in result.stderr
    assert "\x1b" not in result.output
    assert f"{url}/clip.mp4: clip" in told.stdout
    assert not (tmp_path / "other").exists()
    assert len(list((tmp_path / "work" / "footage").glob("*.mp4"))) == 1


@pytest.mark.parametrize("command", ["tripod", "youtube"])
def test_a_workspace_that_cannot_be_written_is_one_clear_line(command: str, card: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "footage").write_text("a file where the folder should be")
    (tmp_path / "urls.txt").write_text("abcdefghijk\n")
    result = run(command, card if command == "tripod" else tmp_path / "urls.txt", "-C", tmp_path / "work")
    assert result.exit_code == 1
    assert "cannot be made" in result.stderr


def test_without_leave_only_youtube_is_asked(card: Path, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("http://127.0.0.1:9/clip.mp4\n")
    result = run("youtube", tmp_path / "urls.txt", "-C", tmp_path / "work")
    assert result.exit_code == 3
    assert "--allow-generic" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("tripod", "missing"), 1, "no such folder"),
        (("tripod", "."), 1, "no footage"),
        (("tripod",), 2, "FOLDER"),
        (("youtube", "missing.txt"), 1, "cannot be read"),
        (("youtube", "empty.txt"), 1, "holds no link"),
        (("youtube", "one.txt", "--set", "format=-"), 2, "format"),
        (("youtube", "one.txt", "--retry", "sometimes"), 2, "sometimes"),
        (("youtube", "one.txt", "--rate-limit", "fast"), 1, "rate limit"),
        (("youtube", "one.txt", "--live-window", "soon"), 2, "90s, 20m or 2h"),
        (("youtube", "one.txt", "--live-window", "0s"), 2, "live_window_s"),
        (("youtube", "one.txt", "--licence", "any"), 2, "creativecommon"),
        (("youtube", "one.txt", "--proxy", "localhost"), 2, "SCHEME://HOST:PORT"),
        (("youtube", "one.txt", "--proxy", "http://127.0.0.1:9"), 1, "does not answer"),
        (("youtube", "one.txt", "--cookies", "one.txt"), 1, "no use as a cookie file"),
        (("youtube", "bad.txt", "--strict"), 1, "line 2"),
        (("youtube", "bad.txt", "--strict", "--dry-run"), 1, "line 2"),
        (("status", "--kind", "sometimes"), 2, "sometimes"),
        (("status",), 1, "no such table"),
    ],
)
def test_what_is_wrong_is_one_clear_line(
    arguments: tuple[str, ...], exit_code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("# nothing\n")
    Path("one.txt").write_text("abcdefghijk\n")
    Path("bad.txt").write_text("abcdefghijk\nrain\n")
    result = run(*arguments)
    assert result.exit_code == exit_code
    error = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(error) == 1
    assert words in error[0]
    assert not list(Workspace(tmp_path).root.glob("manifests/*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "-"], "selects nothing"),
        (["--format", ""], "selects nothing"),
        (["--set", "sleep_interval_s=-5"], "sleep_interval_s: -5.0 is no number from zero up"),
        (["--set", "sleep_requests_s=nan"], "sleep_requests_s: 'nan' is no finite number"),
        (["--set", "retries=-1"], "retries: -1 is no number from zero up"),
    ],
)
def test_youtube_settings_that_cannot_be_meant_are_wrong_usage(arguments: list[str], told: str, tmp_path: Path) -> None:
    urls = tmp_path / "urls.txt"
    urls.write_text("aaaaaaaaaaa")
    result = run("youtube", urls, "-C", tmp_path / "work", "--dry-run", *arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_simulate_takes_zero_at_its_word(tmp_path: Path) -> None:
    result = run("simulate", "-C", tmp_path, "--dry-run", "--clips", "0", "--held-out", "1", "--others", "0", "--seed", "0")
    assert result.exit_code == 0
    assert [line.split("-")[0] for line in result.stdout.splitlines()] == ["holdout"]


# --- status -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def failures(tmp_path: Path) -> Path:
    """A workspace with a good row, two failures of different kinds and a rejection."""
    at = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
    good = Footage(
        "0" * 16, "youtube", "aaaaaaaaaaa", "https://www.youtube.com/watch?v=aaaaaaaaaaa", "ok", at, duration_s=3600.0, bytes=10**6
    )
    bad = dataclasses.replace(
        good, footage_id="failed-1", source_id="bbbbbbbbbbb", status="failed", duration_s=None, bytes=None, tool="yt-dlp 1"
    )
    private = dataclasses.replace(bad, error_kind="private", error="It is\x1b[2J private", retryable=False, attempts=2)
    network = dataclasses.replace(bad, footage_id="failed-2", source_id="ccccccccccc", error_kind="network", error="reset", retryable=True)
    unwanted = dataclasses.replace(bad, footage_id="failed-3", source_id="ddddddddddd", status="rejected", reason="licence: none stated")
    write_rows(Footage, Workspace(tmp_path).table(Footage), [good, private, network, unwanted], Provenance("a test"))
    return tmp_path


def test_status_tells_of_each_kind_what_it_is_and_what_can_be_done(failures: Path) -> None:
    lines = run("status", "-C", failures).stdout.splitlines()
    assert [line.split()[:3] for line in lines if line.startswith("youtube")] == [
        ["youtube", "1", "ok"],
        ["youtube", "1", "rejected:"],
        ["youtube", "1", "network"],
        ["youtube", "1", "private"],
    ]
    text = " ".join("\n".join(lines).split())
    assert "network asked again: 1 due now; 1 attempts so far: the connection failed; run again" in text
    assert "private asked again: never by itself; 2 attempts so far" in text
    assert "such as bbbbbbbbbbb (2 attempts, last 2024-05-17" in text
    assert "yt-dlp 1): It is private" in text
    assert "rejected: licence not asked for again while --licence stands" in text


def test_status_row_by_row(failures: Path) -> None:
    rows = [line for line in run("status", "-C", failures, "--verbose").stdout.splitlines() if not line.startswith(("youtube", " "))]
    assert [line.split()[0] for line in rows] == ["private", "network", "rejected"]
    assert "ccccccccccc (1 attempt, " in rows[1]
    assert rows[1].split()[1] == "due"
    assert rows[0].split()[1:4] == ["not", "by", "itself"]
    only = run("status", "-C", failures, "--kind", "network").stdout
    assert "private" not in only
    assert "ccccccccccc" in only


def test_status_for_machines(failures: Path) -> None:
    lines = [json.loads(line) for line in run("status", "-C", failures, "--json", "-v").stdout.splitlines()]
    groups, rows = lines[:4], lines[4:]
    assert [(group["status"], group["error_kind"], group["retryable"], group["attempts"], group["due"]) for group in groups] == [
        ("ok", None, None, 1, 0),
        ("rejected", None, None, 1, 0),
        ("failed", "network", True, 1, 1),
        ("failed", "private", False, 2, 0),
    ]
    assert groups[3]["example"]["error"] == "It is\x1b[2J private"
    assert [(row["source_id"], row["due"], row["next_attempt_at"], row["tool"]) for row in rows] == [
        ("bbbbbbbbbbb", False, None, "yt-dlp 1"),
        ("ccccccccccc", True, None, "yt-dlp 1"),
        ("ddddddddddd", False, None, "yt-dlp 1"),
    ]


# --- ends and streams ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_told_to_end_says_that_it_can_be_gone_on_with(
    number: signal.Signals, tmp_path: Path, temporary_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acquire.youtube import download

    def stop(*_arguments: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(download, "fetch", stop)
    before = signal.getsignal(number)
    (tmp_path / "urls.txt").write_text("aaaaaaaaaaa\n")
    result = run("youtube", tmp_path / "urls.txt", "-C", tmp_path / "work")
    assert result.exit_code == 1
    assert "interrupted; what was done is kept" in result.stderr
    assert signal.getsignal(number) == before
    assert [path for path in temporary_files.iterdir() if path.suffix != ".lock"] == []


def test_rows_for_machines_stay_on_standard_output_on_a_terminal_too(card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard error for a terminal then
    (tmp_path / "urls.txt").write_text("")
    with serve(card) as url:
        (tmp_path / "urls.txt").write_text(f"{url}/clip.mp4\n{url}/gone.mp4\n")
        result = run("youtube", tmp_path / "urls.txt", "-C", tmp_path / "work", "--allow-generic", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.get("status") for line in lines] == ["ok", "failed", None]
    assert "gone.mp4: removed" in result.stderr
