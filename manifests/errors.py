"""The error that users are meant to read."""


class InputError(Exception):
    """What failed, which file or row, and what to do about it, in one line.

    Commands print the message alone and exit with 1; anything else that escapes is a defect and keeps its traceback.
    """
