"""The demo itself, on a world small enough for a test, in a folder named as the command line names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo.__main__ import FIT, SIMULATE, main


def test_the_demo_goes_from_rain_to_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    smaller = SIMULATE.replace("--clips 18 --held-out 4 --others 12", "--clips 3 --held-out 1 --others 1 --size 160x128")
    assert smaller != SIMULATE
    main(Path("demo"), simulate=smaller, fit=f"{FIT} --steps 3")
    told = capsys.readouterr().out
    assert "gain over doing nothing" in told
    assert "shared between the two lists: nothing" in told
    assert "camera moves" in told
    page = (tmp_path / "demo" / "index.html").read_text()
    assert page.count("data:image/jpeg") >= 5
    assert "holdout-000-coffee" in page
    for part in ("youtube", "tripod"):
        assert f"1 {part}" in page or f"2 {part}" in page or f"3 {part}" in page
