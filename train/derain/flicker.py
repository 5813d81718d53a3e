"""How much of a video flickers: the change from frame to frame where nothing moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2

from train.derain.stabilise import Luma, moves


@dataclass
class Flicker:
    """Mean absolute difference of consecutive frames outside of what moves, of several versions of one video.

    What moves is told from the version that is named first, for all of them: what differs between its frames over more than a streak's
    width.
    """

    bits: int = 8
    _before: tuple[Luma, ...] = ()
    _sums: list[float] = field(default_factory=list)
    _pixels: int = 0

    def add(self, *versions: Luma) -> None:
        """The next frame's luma, in each version."""
        if self._before:
            still = 1 - moves(versions[0], self._before[0], self.bits)
            count = cv2.countNonZero(still)
            changes = [cv2.absdiff(now, before) for now, before in zip(versions, self._before, strict=True)]
            sums = [count * cv2.mean(change, mask=still)[0] for change in changes]
            self._sums = [known + new for known, new in zip(self._sums, sums, strict=True)]
            self._pixels += count
        else:
            self._sums = [0.0] * len(versions)
        self._before = versions

    def levels(self) -> list[float | None]:
        """The flicker of each version, in levels of 8 bits; None where fewer than two frames came or everything moved."""
        return [known / self._pixels / 2 ** (self.bits - 8) if self._pixels else None for known in self._sums]
