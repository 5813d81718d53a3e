"""YouTube without YouTube: an extractor of its name and addresses, inside the real YoutubeDL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yt_dlp.extractor.common import InfoExtractor

from acquire.youtube import download
from acquire.youtube.settings import YoutubeSettings


class YoutubeIE(InfoExtractor):  # type: ignore[misc]  # named so that yt-dlp takes it for YouTube's
    """Answers each video id as `answers` says: an exception is raised, a function called, of a list one after the other is given."""

    IE_NAME = "youtube"
    _VALID_URL = r"https?://www\.youtube\.com/watch\?v=(?P<id>[\w-]{11})"
    answers: dict[str, Any]
    asked: list[str]

    def _real_extract(self, url: str) -> Any:
        video_id = self._match_id(url)
        self.asked.append(video_id)
        answer = self.answers[video_id]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer(self)
        if isinstance(answer, BaseException):
            raise answer
        return {"id": video_id, **answer}


class YoutubeTabIE(InfoExtractor):  # type: ignore[misc]
    """Answers each playlist or channel with the entries that `lists` holds for its address: URLs, or a URL and what the list says of it."""

    IE_NAME = "youtube:tab"
    _VALID_URL = r"https?://www\.youtube\.com/(?:playlist|@)"
    lists: dict[str, Any]

    def _real_extract(self, url: str) -> Any:
        answer = self.lists[url]
        if isinstance(answer, list) and isinstance(answer[0], BaseException):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        elif isinstance(answer, list) and isinstance(answer[0], list):
            (answer,) = answer
        if isinstance(answer, BaseException):
            raise answer
        entries = [self.url_result(entry) if isinstance(entry, str) else {**self.url_result(entry["url"]), **entry} for entry in answer]
        return self.playlist_result(entries, playlist_id="list", playlist_title="A list")


def stand_in(ydl: Any, answers: dict[str, Any], lists: dict[str, Any] | None = None, asked: list[str] | None = None) -> Any:
    """Put the stand-ins in the place of all extractors of a YoutubeDL."""
    ydl._ies.clear()
    ydl._ies_instances.clear()
    video, tab = YoutubeIE(), YoutubeTabIE()
    video.answers, video.asked, tab.lists = answers, [] if asked is None else asked, lists or {}
    ydl.add_info_extractor(video)
    ydl.add_info_extractor(tab)
    return ydl


def stand_in_session(settings: YoutubeSettings, folder: Path, answer: Any) -> Any:
    """The product's own session, where every video `abcdefghijk` gives `answer`."""
    return stand_in(download.session(settings, download.Log(), folder, direct=False), {"abcdefghijk": answer})
