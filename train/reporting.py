"""What a run says while it goes on: a bar with loss, speed and time left on a terminal, a line every twentieth elsewhere. On stderr."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

LINES = 20


class Reporter:
    """Context manager around the training loop."""

    def __init__(self, label: str, done: float) -> None:
        self.console = Console(stderr=True)
        self.label, self.started_at, self.began = label, done, time.monotonic()
        self.lines = int(done * LINES)
        self.bar = Progress(TextColumn(label), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[said]}"), console=self.console)
        self.task = self.bar.add_task(label, total=1.0, said="")
        self.bar.update(self.task, completed=done)

    def __enter__(self) -> Reporter:
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.bar.stop()

    def say(self, text: str) -> None:
        """One line of its own."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def tell(self, done: float, step: int, images: int, terms: dict[str, float]) -> None:
        """Where the run is: `done` 0 to 1 of it; `images` seen since this process began; the latest terms of the loss."""
        passed = time.monotonic() - self.began
        left = passed * (1 - done) / max(done - self.started_at, 1e-9)
        listed = " ".join(f"{name} {value:.4f}" for name, value in terms.items())
        said = f"step {step}  {listed}  {images / max(passed, 1e-9):.0f} images/s  {_clock(left)} left"
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, said=said)
        elif int(done * LINES) > self.lines:
            self.lines = int(done * LINES)
            self.say(f"{self.label}: {done:4.0%}  {said}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
