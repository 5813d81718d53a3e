from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
from dataclasses import dataclass
from typing import Annotated, Literal

import click
import pytest
from click.testing import CliRunner

from manifests.errors import InputError
from manifests.options import Commands, Summary, json_option, parse_settings, settings_option, workspace_option
from manifests.workspace import Workspace
from tests.manifests.rows import SEGMENT


@dataclass(frozen=True, slots=True)
class ExampleSettings:
    shift_px: Annotated[float, "most shift, px"] = 1.0
    frames: Annotated[int, "how many"] = 30
    mode: Annotated[Literal["fast", "exact"], "how"] = "fast"
    names: Annotated[tuple[str, ...], "patterns"] = ()
    strict: Annotated[bool, "whether"] = False
    limit: Annotated[float | None, "at most"] = None


def test_settings_are_parsed_by_their_own_types() -> None:
    given = ("shift_px=0.7", "frames=20", "mode=exact", "names=a*, b", "strict=yes", "limit=3")
    assert parse_settings(ExampleSettings, given) == ExampleSettings(0.7, 20, "exact", ("a*", "b"), True, 3.0)
    assert parse_settings(ExampleSettings, ("limit=none",), base=ExampleSettings(limit=2.0, frames=5)) == ExampleSettings(frames=5)


@pytest.mark.parametrize("text", ["shift", "shft_px=1", "frames=1.5", "mode=slow", "strict=perhaps", "shift_px=nan", "limit=inf"])
def test_bad_settings_are_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_settings(ExampleSettings, (text,))


@click.group(cls=Commands)
def tool() -> None:
    """A tool."""


@tool.command()
@workspace_option
@settings_option(ExampleSettings)
@json_option
def measure(workspace: Workspace, settings: ExampleSettings, as_json: bool) -> None:
    """Measure."""
    if settings.frames == 0:
        raise InputError("clip.mp4: holds nothing; bring another")
    if settings.frames == 1:
        raise KeyboardInterrupt
    if settings.frames == 2:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/log.csv")
    if settings.frames == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    if settings.frames == 4:
        os.kill(os.getpid(), signal.SIGHUP)
    summary = Summary("clips")
    summary.add("kept", number=2)
    summary.add("rejected", "camera moves: 3.1 px (limit 1.0)")
    summary.add("rejected", "camera moves: 9.9 px (limit 1.0)")
    if settings.strict:
        summary.add("failed", "decode")
    summary.finish(as_json)


def test_help_lists_each_setting_with_its_default() -> None:
    text = CliRunner().invoke(tool, ["measure", "--help"]).output
    assert "shift_px=1.0  most shift, px" in text
    assert "limit=none  at most" in text


def test_exit_codes_tell_the_truth() -> None:
    invoke = CliRunner().invoke
    assert invoke(tool, ["measure"]).exit_code == 0
    assert invoke(tool, ["measure", "--set", "strict=true"]).exit_code == 3
    assert invoke(tool, ["measure", "--set", "strict=perhaps"]).exit_code == 2
    failed = invoke(tool, ["measure", "--set", "frames=0"])
    assert (failed.exit_code, failed.output.strip()) == (1, "Error: clip.mp4: holds nothing; bring another")
    ended = invoke(tool, ["measure", "--set", "frames=3"])
    assert (ended.exit_code, ended.output.split(";")[0]) == (1, "Error: interrupted")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    assert invoke(tool, ["measure", "--set", "frames=4"]).exit_code == 0
    assert signal.signal(signal.SIGHUP, before) == signal.SIG_IGN
    closed = invoke(tool, ["measure", "--set", "frames=4"])
    assert (closed.exit_code, closed.output.split(";")[0]) == (1, "Error: interrupted")
    stopped = invoke(tool, ["measure", "--set", "frames=1"])
    assert stopped.exit_code == 1
    assert "run the same command again" in stopped.output
    full = invoke(tool, ["measure", "--set", "frames=2"])
    assert full.exit_code == 1
    assert full.output.startswith("Error: runs/log.csv: No space left on device; mend that")


def test_summary_of_rows_tells_failures_from_rejections() -> None:
    rows = [SEGMENT, dataclasses.replace(SEGMENT, reason="frozen: 98 %"), dataclasses.replace(SEGMENT, error="a/b.mp4: gone")]
    assert dict(Summary.of("segments", rows).counts) == {("kept", ""): 1, ("rejected", "frozen"): 1, ("failed", "gone"): 1}


def test_summary_drops_the_path_that_an_error_begins_with() -> None:
    summary = Summary("segments")
    for name in ("a", "b"):
        summary.add("failed", f"work/footage/{name}.mp4: no such file; has it been moved or deleted?")
    assert dict(summary.counts) == {("failed", "no such file; has it been moved or deleted?"): 2}


def test_summary_counts_like_reasons_together() -> None:
    text = CliRunner().invoke(tool, ["measure"]).output
    assert text.splitlines() == ["clips: 2 kept, 2 rejected, 0 failed", "  rejected     2  camera moves"]
    line = CliRunner().invoke(tool, ["measure", "--json"]).output
    assert json.loads(line) == {
        "summary": "clips",
        "kept": 2,
        "rejected": 2,
        "failed": 0,
        "reasons": {"rejected": {"camera moves": 2}, "failed": {}},
    }
