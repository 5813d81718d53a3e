"""A proxy that does not work fails every link alike: it ends the run instead of making a failed row of each."""

from __future__ import annotations

import socket

from acquire.youtube.settings import proxy_address
from manifests.errors import InputError, first_line


def demand_answer(proxy: str, timeout_s: float) -> None:
    """Connect to a proxy and hang up. Raises InputError where nothing answers."""
    host, port = proxy_address(proxy)
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as error:
        raise InputError(f"proxy {host}:{port}: does not answer ({error.strerror or error}); mend --proxy, or leave it out") from error


def demand_no_fault(proxy: str | None, error: BaseException) -> None:
    """Raise InputError where an error, or what caused it, is a proxy's own: it refuses to connect, or to let us in."""
    from yt_dlp.networking.exceptions import HTTPError, ProxyError

    cause: BaseException | None = error
    for _ in range(10):  # causes may form a ring
        if isinstance(cause, ProxyError) or (isinstance(cause, HTTPError) and cause.status == 407):  # 407: it wants a password
            name = "{}:{}".format(*proxy_address(proxy)) if proxy else "of the environment"
            raise InputError(f"proxy {name}: {first_line(cause)}; mend --proxy, or leave it out") from error
        if cause is None:
            return
        exc_info = getattr(cause, "exc_info", None)
        cause = (exc_info and exc_info[1]) or getattr(cause, "cause", None) or cause.__cause__
