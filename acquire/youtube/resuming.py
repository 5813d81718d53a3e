"""Going on with a download that was cut off, where its remote is still the same: never one file spliced from two.

yt-dlp continues a `.part` without asking. So what tells the remote (format, ETag, length, time of change) is noted beside the `.part` and
compared before a run goes on with it; the server is asked to send a rest only of that very file (`If-Range`); and when all has come, the
remote is compared once more.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, RequestError

from acquire.failures import Refused
from manifests.files import write_atomically

Remote = dict[str, str | None]

_NOTE = "remote.json"  # beside the `.part`: what the remote was when it was begun


def remotes(info: Mapping[str, Any], ydl: Any) -> list[Remote]:
    """What tells the remote files (of a stream: its index) that yt-dlp has chosen. One byte of each is asked for."""
    return [_remote(chosen, ydl) for chosen in _chosen(info)]


def resumable(folder: Path, ydl: Any) -> dict[str, Any] | None:
    """What an earlier run learned of a link and noted, where its remotes are still the same: its page need not be asked again."""
    noted = _noted(folder)
    info = noted.get("info")
    if not isinstance(info, dict):
        return None
    try:
        return info if remotes(info, ydl) == noted.get("remotes") else None
    except RequestError:
        return None  # links may last for a while only


def keep_or_clear(folder: Path, now: list[Remote], info: Mapping[str, Any] | None) -> None:
    """Empty the folder unless it holds parts of exactly these remotes; note them there, and what is known of the link (`info`)."""
    told = all(remote["etag"] or remote["modified"] or remote["length"] for remote in now)
    if _noted(folder).get("remotes") == now and told:
        _join_anew(folder)
        return
    clear(folder)
    with write_atomically(folder / _NOTE) as file:
        file.write(json.dumps({"remotes": now, "info": info}).encode())


def clear(folder: Path) -> None:
    """Make the folder, empty."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def bind(info: Mapping[str, Any], now: Sequence[Remote]) -> None:
    """Let servers send the rest of a file only while it is the one that was noted; else they send the whole of the new one."""
    for chosen, remote in zip(_chosen(info), now, strict=True):
        validator = remote["etag"] if remote["etag"] and remote["etag"].startswith('"') else remote["modified"]  # W/ does not do here
        if validator is None or str(chosen.get("protocol")) not in ("http", "https"):
            continue
        for offered in (chosen, *(info.get("formats") or ())):
            if offered.get("format_id") == chosen.get("format_id") and offered.get("url") == chosen.get("url"):
                offered["http_headers"] = {**(offered.get("http_headers") or {}), "If-Range": validator}


def stated_bytes(now: Sequence[Remote]) -> int:
    """How much the remotes say that they are; of a stream, its index."""
    return sum(int(remote["length"] or 0) for remote in now if re.fullmatch(r"[0-9]{1,18}", remote["length"] or ""))


def _noted(folder: Path) -> dict[str, Any]:
    try:
        noted = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _chosen(info: Mapping[str, Any]) -> list[Any]:
    return list(info.get("requested_formats") or [info])


def _remote(chosen: Mapping[str, Any], ydl: Any) -> Remote:
    """Asked by GET: links that are signed for GET refuse HEAD."""
    known: Remote = {"format": str(chosen.get("format_id")), "etag": None, "length": None, "modified": None}
    address = str(chosen.get("url") or "")
    if not address.startswith(("http://", "https://")):
        return known
    own = {name: value for name, value in (chosen.get("http_headers") or {}).items() if name != "If-Range"}
    try:
        asked = ydl.urlopen(Request(address, headers={**own, "Range": "bytes=0-0", "Accept-Encoding": "identity"}))
    except HTTPError as error:
        if error.status == 416:  # not even one byte
            raise Refused("decode", f"{address}: an empty file") from error
        raise
    with asked as answer:
        whole = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length")
        return {**known, "etag": answer.headers.get("ETag"), "length": whole, "modified": answer.headers.get("Last-Modified")}


def _join_anew(folder: Path) -> None:
    """Drop a half-joined stream; its fragments, kept beside it, are joined again without being asked for again."""
    for state in folder.glob("*.ytdl"):
        state.with_suffix(".part").unlink(missing_ok=True)
        state.unlink()
