"""The site and the pages that tests of `acquire youtube` share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acquire.youtube import download
from manifests.workspace import Workspace
from tests.acquire.youtube.site import FRAMES, Site, Youtube, noise_clip
from tests.acquire.youtube.stand_in import stand_in
from tests.loopback import Asked, Fault, serve
from tests.manifests.clips import encode


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", [index / 30 for index in range(FRAMES)])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip many times longer than the blocks in which yt-dlp reads."""
    return noise_clip(tmp_path_factory.mktemp("large") / "large.mp4", seed=1)


@pytest.fixture
def site(tmp_path: Path, clip: Path, large: Path) -> Iterator[Site]:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    (folder / "large.mp4").write_bytes(large.read_bytes())
    faults: dict[str, Fault] = {}
    asked: list[Asked] = []
    with serve(folder, faults, asked) as url:
        yield Site(folder, url, faults, asked, Workspace(tmp_path / "work"))


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Youtube:
    known = Youtube({}, {}, [])
    real = download.session

    def session(*args: Any, **kwargs: Any) -> Any:
        ydl = real(*args, **kwargs)
        return ydl if kwargs["direct"] else stand_in(ydl, known.answers, known.lists, known.asked)

    monkeypatch.setattr(download, "session", session)
    return known
