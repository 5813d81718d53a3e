"""A shard against the index, read once from its beginning to its end: its hash, its members' headers, hashes and pictures.

A shard may be hostile: no name is opened or written, sizes are compared before memory is asked for, and pictures before they are decoded.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from curate.release.findings import Finding
from curate.release.index import Member
from curate.release.pictures import decoded
from curate.release.shards import BLOCK, RECORD, member_header
from manifests.errors import InputError

CHUNK = 1 << 20
_WITHOUT_CONTENT = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.DIRTYPE: "a folder",
    tarfile.XHDTYPE: "an extended header",
    tarfile.GNUTYPE_LONGNAME: "an extended header",
}


@dataclass(frozen=True)
class Shard:
    """A shard to check: what SHA256SUMS says of it (None: nothing), and the index's rows of its members."""

    folder: Path
    name: str
    sha256: str | None
    members: tuple[Member, ...]
    sampled: tuple[str, ...] | None = None  # only these members are opened, and the whole is not hashed; None: all


def check_shard(shard: Shard) -> list[Finding]:
    """What does not hold of a shard. Raises OSError where it cannot be read."""
    with (shard.folder / shard.name).open("rb", buffering=CHUNK) as file:
        if shard.sampled is not None:
            return _sample(shard, file)
        reading = _Reading(shard, file)
        reading.run()
    return reading.findings


@dataclass
class _Reading:
    """One pass through a shard."""

    shard: Shard
    file: BinaryIO
    findings: list[Finding] = field(default_factory=list)
    position: int = 0
    moved: dict[str, int] = field(default_factory=dict)  # members that lie elsewhere than the index says
    unknown: dict[str, str] = field(default_factory=dict)  # SHA-256 of members that the index does not have: their name
    seen: set[str] = field(default_factory=set)
    ended: bool = False  # came to the archive's end, and not to damage

    def run(self) -> None:
        """Read it all."""
        self.whole = hashlib.sha256()
        self.size = os.fstat(self.file.fileno()).st_size
        self.expected = {member.name: member for member in self.shard.members}
        while self._member():
            pass
        self._rest()
        self._missing()
        found = self.whole.hexdigest()
        if self.shard.sha256 not in (None, found):
            self._find("files", "", f"its SHA-256 is {found}, and SHA256SUMS says {self.shard.sha256}")

    def _member(self) -> bool:
        """Read one member; false at the end, or where damage lets nothing more be read."""
        header = self._read(BLOCK)
        if not header.strip(b"\0"):
            self.ended = len(header) == BLOCK
            if not self.ended:
                self._find("shards", "", f"breaks off after {self.position} bytes, without the blocks that end an archive")
            return False
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            self._find("shards", "", f"no member's header at byte {self.position - len(header)} ({error}); what follows was not read")
            return False
        size = 0 if info.type in _WITHOUT_CONTENT else info.size
        if size > self.size - self.position:
            self._find("shards", info.name, f"breaks off: {self.size - self.position} of its {size} bytes are there")
            return False
        self._content(info, header, size)
        self._read(-size % BLOCK)
        return True

    def _content(self, info: tarfile.TarInfo, header: bytes, size: int) -> None:
        offset, expected = self.position, self.expected.get(info.name)
        known = expected is not None and expected.bytes == size
        content = self._read(size) if known else b""
        sha256 = hashlib.sha256(content).hexdigest() if known else self._skipped(size)
        if (problem := _hostile(info)) is not None:
            self._find("shards", info.name, problem)
        if info.name in self.seen:
            self._find("shards", info.name, "is there twice")
        elif expected is None:
            self.unknown[sha256] = info.name
        elif not known:
            self._find("shards", info.name, f"has {size} bytes, and the index says {expected.bytes}")
        elif sha256 != expected.sha256:
            self._find("shards", info.name, f"has changed: its SHA-256 is {sha256}, and the index says {expected.sha256}")
        elif problem is None and header != member_header(info.name, size):
            self._find("shards", info.name, "its header is not one of a release (time, owner, mode or kind)")
        self.seen.add(info.name)
        if expected is not None and known:
            self.moved.update({info.name: offset} if offset != expected.offset else {})
            self.findings += _content_findings(self.shard, expected, content)

    def _rest(self) -> None:
        """What follows the members: zeros up to a whole record, and nothing else."""
        end = self.position - BLOCK if self.ended else self.position
        clean = True
        while chunk := self._read(CHUNK):
            clean = clean and not chunk.strip(b"\0")
        if self.ended and (not clean or self.size != _archive_size(end)):
            self._find("shards", "", f"holds more or less than zeros after its last member's end at byte {end}")

    def _missing(self) -> None:
        """Members of the index that did not come, and those that came and are not in it; a renamed one is both."""
        missing = [member for name, member in self.expected.items() if name not in self.seen]
        for member in missing if self.ended else []:
            renamed = self.unknown.pop(member.sha256, None)
            told = "is in the index and not in the shard" if renamed is None else f"is not in the shard, which has its bytes as {renamed}"
            self._find("shards", member.name, told)
        for name in self.unknown.values():
            self._find("shards", name, "is in the shard and not in the index")
        if not any(finding.kind == "shards" for finding in self.findings):  # or all that follow a gap would be named
            for name, offset in self.moved.items():
                self._find("shards", name, f"lies at byte {offset}, and the index says {self.expected[name].offset}")

    def _read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.whole.update(content)
        self.position += len(content)
        return content

    def _skipped(self, size: int) -> str:
        """The SHA-256 of so many bytes, none of which is kept."""
        sha256 = hashlib.sha256()
        while size > 0:
            chunk = self._read(min(size, CHUNK))
            if not chunk:
                break
            sha256.update(chunk)
            size -= len(chunk)
        return sha256.hexdigest()

    def _find(self, kind: Any, member: str, problem: str) -> None:
        self.findings.append(_finding(self.shard, kind, member, problem))


def _sample(shard: Shard, file: BinaryIO) -> list[Finding]:
    """Only some members, by the places that the index tells."""
    findings = []
    end = max(((member.offset or 0) + (member.bytes or 0) for member in shard.members), default=0)
    size = os.fstat(file.fileno()).st_size
    if size != _archive_size(end + -end % BLOCK):
        findings.append(_finding(shard, "shards", "", "is not as long as the index says"))
    for member in shard.members:
        if member.name not in (shard.sampled or ()) or member.offset is None or member.bytes is None:
            continue
        if not BLOCK <= member.offset <= member.offset + member.bytes <= size:
            findings.append(_finding(shard, "shards", member.name, "lies beyond the end, by the index"))
            continue
        file.seek(member.offset - BLOCK)
        header, content = file.read(BLOCK), file.read(member.bytes)
        if header != member_header(member.name, member.bytes):
            findings.append(_finding(shard, "shards", member.name, "does not lie where the index says"))
        elif (found := hashlib.sha256(content).hexdigest()) != member.sha256:
            findings.append(
                _finding(shard, "shards", member.name, f"has changed: its SHA-256 is {found}, and the index says {member.sha256}")
            )
        else:
            findings += _content_findings(shard, member, content)
    return findings


def _content_findings(shard: Shard, member: Member, content: bytes) -> Sequence[Finding]:
    """Whether a member's bytes are a picture of the promised size, or JSON of its scene."""
    if member.kind == "about":
        try:
            named = json.loads(content)["scene_id"]
        except (ValueError, KeyError, TypeError) as error:
            return [_finding(shard, "shards", member.name, f"is not JSON that tells of a scene ({error!r})")]
        told = [] if named == member.scene_id else [f"tells of scene {named}, and the index says {member.scene_id}"]
        return [_finding(shard, "shards", member.name, problem) for problem in told]
    try:
        decoded(content, (member.width or 0, member.height or 0), member.name)
    except InputError as error:
        return [_finding(shard, "pictures", member.name, str(error).removeprefix(f"{member.name}: "))]
    return []


def _hostile(info: tarfile.TarInfo) -> str | None:
    """What an unpacker should not be given."""
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts or "\\" in info.name:
        return "is a path that escapes the folder it is unpacked in"
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        target = f" to {info.linkname}" if info.linkname else ""
        return f"is {_KINDS.get(info.type, 'no plain file')}{target}, not a plain file"
    return None


def _archive_size(end: int) -> int:
    """The length of an archive whose last member ends so: two blocks of zeros, filled up to a whole record."""
    return -(-(end + 2 * BLOCK) // RECORD) * RECORD


def _finding(shard: Shard, kind: Any, member: str, problem: str) -> Finding:
    return Finding(kind, f"{shard.name}: {member}" if member else shard.name, problem)
