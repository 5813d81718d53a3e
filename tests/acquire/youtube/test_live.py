"""What a live stream's playlist says, and what of a stream comes into a recording."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.failures import Refused
from acquire.youtube.download import Log, session
from acquire.youtube.live import read_playlist, record
from acquire.youtube.settings import YoutubeSettings
from tests.loopback import Fault, live, serve
from tests.manifests.clips import encode, number_of

URL = "https://host.example/live/index.m3u8?key=1"
SETTINGS = YoutubeSettings(allow_generic=True, live_window_s=1.0, retry_sleep_s=0.0, retries=2)
FRAMES = 90


def playlist(*lines: str) -> str:
    return "\r\n".join(["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:5", *lines])


def test_segments_are_numbered_by_the_stream_and_found_beside_the_playlist() -> None:
    text = playlist("#EXT-X-MEDIA-SEQUENCE:41", '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:4.96,title", "a.m4s", "", "#EXTINF:5,", "/b.m4s?x")
    found = read_playlist(text, URL)
    assert [(one.number, one.url, one.duration_s) for one in found.segments] == [
        (41, "https://host.example/live/a.m4s", 4.96),
        (42, "https://host.example/b.m4s?x", 5.0),
    ]
    assert (found.target_s, found.initialisation, found.ended) == (5.0, "https://host.example/live/init.mp4", False)
    assert read_playlist(text + "\n#EXT-X-ENDLIST", URL).ended


def test_a_break_belongs_to_the_segment_after_it() -> None:
    found = read_playlist(playlist("#EXTINF:5,", "a.ts", "#EXT-X-DISCONTINUITY", "#EXTINF:5,", "b.ts", "#EXTINF:5,", "c.ts"), URL)
    assert [one.breaks for one in found.segments] == [False, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "<html>moved</html>",
        playlist('#EXT-X-KEY:METHOD=AES-128,URI="key"', "#EXTINF:5,", "a.ts"),
        playlist("#EXTINF:5,", "#EXT-X-BYTERANGE:100@0", "a.ts"),
        playlist("#EXT-X-MEDIA-SEQUENCE:many", "#EXTINF:5,", "a.ts"),
        playlist("#EXTINF:long,", "a.ts"),
        playlist("#EXTINF:nan,", "a.ts"),
        playlist("#EXT-X-MAP:BYTERANGE=3", "#EXTINF:5,", "a.ts"),
    ],
)
def test_what_cannot_be_recorded_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_playlist(text, URL)
    assert refused.value.kind == "unsupported"


@given(
    st.lists(
        st.sampled_from(["#EXTINF:1,", "#EXTINF:x", "#EXT-X-KEY:", "#EXT-X-MAP:", "a.ts", "#", ":", "#EXT-X-TARGETDURATION:nan", "\x00"])
    )
)
def test_any_playlist_is_read_or_refused(lines: list[str]) -> None:
    try:
        found = read_playlist(playlist(*lines), URL)
    except Refused:
        return
    assert 0.1 <= found.target_s <= 60


def recorded(clip: Path, tmp_path: Path, settings: YoutubeSettings = SETTINGS, faults: dict[str, Fault] | None = None) -> list[int]:
    """The numbers that the frames of a recording spell."""
    from acquire.youtube.clip import cut
    from manifests.media import frames

    folder = tmp_path / "arriving"
    folder.mkdir()
    with live(clip, tmp_path / "web", segment_s=0.4, every_s=0.1, shown=8) as index, serve(tmp_path / "web", faults) as url:
        info = {"url": f"{url}/{index.name}", "protocol": "m3u8_native"}
        with session(settings, Log(), tmp_path, direct=True) as ydl:
            file = record(info, ydl, folder, settings, time.monotonic() + 20)
    return [number_of(frame.picture) for frame in frames(cut(file, None, settings.live_window_s).file)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", [number / 30 for number in range(FRAMES)])


def test_a_recording_is_one_window_without_a_hole(clip: Path, tmp_path: Path) -> None:
    numbers = recorded(clip, tmp_path)
    assert len(numbers) == 30
    assert numbers == list(range(numbers[0], numbers[0] + 30))
    assert numbers[0] >= 12  # from now on: not the segments that were there before


def test_a_segment_that_comes_at_the_second_asking_is_no_hole(clip: Path, tmp_path: Path) -> None:
    numbers = recorded(clip, tmp_path, faults={"/index003.ts": Fault(status=503), "/part003.ts": Fault(drop_after=300, times=1)})
    assert numbers == list(range(numbers[0], numbers[0] + 30))


def test_a_recording_ends_before_a_hole(clip: Path, tmp_path: Path) -> None:
    numbers = recorded(clip, tmp_path, faults={"/part003.ts": Fault(status=404)})
    assert 0 < len(numbers) < 30
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_stream_of_which_nothing_comes_is_a_failure(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="HTTP Error 404"):
        recorded(clip, tmp_path, faults={f"/part{number:03d}.ts": Fault(status=404) for number in range(9)})
