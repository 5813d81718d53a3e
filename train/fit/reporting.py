"""What a run says while it goes on: on a terminal a bar with the loss terms under it, elsewhere a line now and then. On stderr."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from train.fit.validation import CLEAN_QUANTILE, LabelFree

LINES = 20  # at least so many lines a run, where there is no terminal
LONGEST_SILENCE_S = 600.0
RECENT = 20  # tellings that speed and time left are judged by: a run's first steps are its slowest


class Pace:
    """How fast a run goes, judged by its latest tellings."""

    def __init__(self, done: float, now: float) -> None:
        self.tellings: deque[tuple[float, float, int]] = deque([(now, done, 0)], maxlen=RECENT)

    def add(self, now: float, done: float, images: int) -> None:
        """At time `now`, s, `done` (0 to 1) of the run lies behind, and `images` were seen since this process began."""
        self.tellings.append((now, done, images))

    @property
    def images_per_s(self) -> float:
        """Over the latest tellings; 0 before there are two."""
        (began, _, before), (now, _, images) = self.tellings[0], self.tellings[-1]
        return (images - before) / max(now - began, 1e-9)

    @property
    def left_s(self) -> float | None:
        """Time left at this pace; None while it is unknown."""
        (began, before, _), (now, done, _) = self.tellings[0], self.tellings[-1]
        return (now - began) * (1 - done) / (done - before) if done > before else None


class Reporter:
    """Context manager around the training loop."""

    def __init__(self, label: str, done: float) -> None:
        self.console = Console(stderr=True)
        self.label = label
        self.pace = Pace(done, time.monotonic())
        self.lines, self.line_at = int(done * LINES), time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[said]}"),
            console=self.console,
        )
        self.task = self.bar.add_task(label, total=1.0, said="")
        self.bar.update(self.task, completed=done)
        self.terms = Text()
        self.live = Live(Group(self.bar, self.terms), console=self.console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Reporter:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.live.stop()

    def say(self, text: str) -> None:
        """One line of its own."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def tell(self, done: float, step: int, images: int, terms: Mapping[str, float]) -> None:
        """Where the run is: `done` 0 to 1 of it; `images` seen since this process began; the latest terms of the loss."""
        now = time.monotonic()
        self.pace.add(now, done, images)
        left = self.pace.left_s
        speed = f"{self.pace.images_per_s:.3g} images/s, {clock(left) if left is not None else '?'} left"
        listed = "  ".join(f"{name} {value:.4f}" for name, value in terms.items())
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, said=f"step {step}, {speed}")
            self.terms.plain = f"loss: {listed}"
        elif int(done * LINES) > self.lines or now - self.line_at >= LONGEST_SILENCE_S:
            self.lines, self.line_at = int(done * LINES), now
            self.say(f"{self.label}: {done:4.0%}  step {step}, {speed}  loss: {listed}")

    def tell_validation(self, step: int, found: LabelFree) -> None:
        """What a validation found, as a line of its own."""
        truth = "" if found.psnr is None else f"; against the truth {found.psnr:.2f} dB, doing nothing {found.psnr_input:.2f} dB"
        quantile = f"{CLEAN_QUANTILE:.0%} quantile"
        self.say(
            f"{self.label}: step {step}, held-out scenes: score {found.score:.2f} dB, doing nothing {found.score_input:.2f} dB "
            f"(PSNR against the frames' {quantile}); mean |B_m - B_n| {found.pair_gap:.4f}, mean S {found.mean_streaks:.4f}, "
            f"contrast kept {found.contrast_kept:.0%}{truth}"
        )


def clock(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
