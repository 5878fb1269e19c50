"""Errors whose text is what the user reads: one sentence that says what is wrong and what to do.

Example: `raise UserError("ckpt/ holds an adapter but its base Qwen3-0.6B is not on this machine; pass --base PATH")`.
`cli` alone catches them, prints the sentence without a traceback and exits with `exit_code`.
"""


class UserError(Exception):
    """Something the user can put right: a path, a flag, a file. Nothing was written."""

    exit_code = 2


class MissingData(UserError):
    """The questions are neither under --data nor reachable; the text names the file and the ways to get it."""


class NotComparable(UserError):
    """Two runs differ in a field that must match; the text names the field and both values."""

    exit_code = 4


class NothingToCompare(UserError):
    """No baseline or no samples: a gate that measured nothing must never look like one that passed."""

    exit_code = 5


class EngineFailure(UserError):
    """An engine cannot go on (out of memory, dead server); what was answered is stored, the same command resumes."""

    exit_code = 1
