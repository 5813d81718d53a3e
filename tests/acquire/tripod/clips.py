"""Small recordings as cameras split them: parts whose frames go on counting where the part before ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av

from manifests.media import frames
from tests.manifests.clips import HEIGHT, WIDTH, number_of, numbered_picture

FPS = 25
TRANSPORT = {"mpegts_m2ts_mode": "1", "mpegts_flags": "pat_pmt_at_frames"}
_PACKET = 192  # bytes of a packet on a card: a transport stream's 188 behind a time stamp


def record(
    path: Path,
    numbers: Iterable[int],
    tags: Mapping[str, str] = {},
    *,
    timecode: str | None = None,
    telemetry: Sequence[bytes] = (),
    x264: str = "",
    **codec: str,
) -> Path:
    """Numbered pictures at 25 fps, with B-frames and a key frame every 10; AVCHD's stream where the name ends in MTS.

    `telemetry` goes to a track of its own, a sample a frame.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    transport = path.suffix.lower() == ".mts"
    # MP4 by default holds tags of its muxer's choice only; a camera's are free
    options = dict(TRANSPORT) if transport else {"movflags": "use_metadata_tags"}
    with av.open(str(path), "w", format="mpegts" if transport else None, options=options) as container:
        container.metadata.update(tags)
        x264_options = f"threads=1:{x264}".rstrip(":")
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "bf": "2", "x264-params": x264_options, **codec})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = 10
        if timecode is not None:
            stream.metadata["timecode"] = timecode
        data = container.add_data_stream("bin_data") if telemetry else None
        for index, number in enumerate(numbers):
            if data is not None and index < len(telemetry):
                packet = av.Packet(telemetry[index])
                packet.stream, packet.time_base, packet.duration = data, Fraction(1, FPS), 1
                packet.pts = packet.dts = index
                container.mux(packet)
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_transport_stream(whole: Path, first: Path, second: Path) -> int:
    """Cut a stream by its bytes before the tables that precede a key frame in its middle, as cameras do; gives that frame's number."""
    content = whole.read_bytes()
    tables = [at for at in range(0, len(content), _PACKET) if int.from_bytes(content[at + 5 : at + 7], "big") & 0x1FFF == 0]
    with av.open(str(whole)) as container:
        keys = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe and packet.pos]
    middle = keys[len(keys) // 2]
    cut = max(at for at in tables if at < middle)
    first.write_bytes(content[:cut])
    second.write_bytes(content[cut:])
    return 10 * (len(keys) // 2)


def numbers_of(path: Path) -> list[int]:
    """The numbers that a clip's frames spell."""
    return [number_of(frame.picture) for frame in frames(path)]
