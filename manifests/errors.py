"""The error that users are meant to read."""


class InputError(Exception):
    """What failed, which file or row, and what to do about it, in one line.

    Commands print the message alone and exit with 1; anything else that escapes is a defect and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """What an error says, on one line: its first line, or its class where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
