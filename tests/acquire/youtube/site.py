"""What `acquire youtube` is tested against: a site on loopback, and YouTube's pages by a stand-in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import av
import numpy as np
from yt_dlp.utils import ExtractorError

from acquire.youtube import YoutubeSettings, youtube
from manifests.files import read_rows
from manifests.options import Summary
from manifests.tables import Footage
from manifests.workspace import Workspace
from tests.loopback import Asked, Fault

DIRECT = YoutubeSettings(allow_generic=True, retry_sleep_s=0.0, retries=3, tries=2, longest_wait_s=0.0)
QUICK = YoutubeSettings(sleep_interval_s=0.0, max_sleep_interval_s=0.0, sleep_requests_s=0.0, retry_sleep_s=0.0, longest_wait_s=0.0)
FRAMES = 45
BLOCK = 65536  # bytes that yt-dlp reads at once: what a broken connection loses at most


def noise_clip(path: Path, seed: int) -> Path:
    noise = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, width=320, height=240, pix_fmt="yuv420p", options={"crf": "28", "g": "12"})
        for _ in range(FRAMES):
            picture = noise.integers(0, 256, (240, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    assert path.stat().st_size > 10 * BLOCK
    return path


@dataclasses.dataclass
class Site:
    """A folder on the web, and the workspace that fetches from it."""

    folder: Path
    url: str
    faults: dict[str, Fault]
    asked: list[Asked]
    workspace: Workspace

    def fetch(self, *paths: str, settings: YoutubeSettings = DIRECT) -> Summary:
        return youtube([self.url + path for path in paths], settings, self.workspace)

    def rows(self) -> dict[str, Footage]:
        """By path on the site."""
        return {row.origin.removeprefix(self.url): row for row in read_rows(Footage, self.workspace.table(Footage))}


def of_pages(site: Site) -> dict[str, Footage]:
    """The rows by source id."""
    return {row.source_id: row for row in read_rows(Footage, site.workspace.table(Footage))}


def incoming(workspace: Workspace) -> list[Path]:
    """What lies in the private folders of downloads."""
    return [path for path in (workspace.root / "footage" / ".incoming").glob("*/*") if path.is_file()]


@dataclasses.dataclass
class Youtube:
    """The stand-in's answers, and what was asked for."""

    answers: dict[str, Any]
    lists: dict[str, Any]
    asked: list[str]


def refusal(message: str) -> ExtractorError:
    return ExtractorError(message, expected=True, video_id="x", ie="youtube")


def video(url: str, title: str = "Rain on a tripod") -> dict[str, Any]:
    return {
        "title": title,
        "channel": "Rain Watcher",
        "upload_date": "20240517",
        "license": "Creative Commons Attribution license (reuse allowed)",
        "formats": [
            {"format_id": "140", "url": f"{url}/audio.m4a", "vcodec": "none", "acodec": "mp4a", "ext": "m4a"},
            {
                "format_id": "137",
                "url": f"{url}/clip.mp4",
                "vcodec": "avc1.640028",
                "acodec": "none",
                "ext": "mp4",
                "width": 96,
                "height": 64,
            },
        ],
    }
