"""The command line: one command a file, stem = command; the only place that prints or exits.

A user's mistake is one sentence and exit 2, never a traceback; a crash keeps Python's own traceback and exit 1,
so that a broken tool is never mistaken for a regression (exit 3).
"""

from __future__ import annotations

import errno
import gc
import importlib
import importlib.util
import os
import signal
import sys
import warnings

import click

from harness import __version__
from harness.errors import UserError

# paths by os.path: pathlib, pkgutil and sqlite3 would make `bench --help` half as slow again
# ruff: noqa: PTH118, PTH120, PTH123, PTH208
FOLDER = os.path.dirname(os.path.realpath(__file__))
INTERRUPTED = 130
FILE_MISTAKES = (errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS)


class Commands(click.Group):
    """Commands are the files of this folder; one is imported when it is called, its first line when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        stems = (name.removesuffix(".py") for name in os.listdir(FOLDER) if name.endswith(".py"))
        return sorted(stem.rstrip("_") for stem in stems if not stem.startswith("_"))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"harness.cli.{_stem(name)}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without an import: fourteen commands with all their options take longer than the rest of the help."""
        with formatter.section("Commands"):
            files = [(name, os.path.join(FOLDER, f"{_stem(name)}.py")) for name in self.list_commands(ctx)]
            formatter.write_dl([(name, first_line(file)) for name, file in files])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from harness.plugins import nearest

            raise click.UsageError(f"no command '{args[0]}'; {nearest(args[0], self.list_commands(ctx))}") from error


def _stem(command: str) -> str:
    return "import_" if command == "import" else command  # a module can't be called `import`


def first_line(path: str | os.PathLike[str]) -> str:
    """What a command's file says in its first line after the command's name."""
    with open(path, encoding="utf-8") as file:
        what = file.readline().strip().strip('"').partition(": ")[2]
    return what[:1].upper() + what[1:]


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """Tells whether a fine-tuned checkpoint has really become better.

    \b
    bench doctor ckpt/                                   what is in the folder, what would go wrong
    bench run --model ckpt/ --tasks ceval,mathcot        ask, keep every answer, score
    bench leaderboard --open                             rank what was run, with honest intervals
    bench gate ckpt --baseline base                      exit 3 when, and only when, it got worse
    """


def main() -> None:
    """The console script: runs a command and turns what it raises into a sentence and an exit code."""
    warnings.showwarning = _note
    # libraries make half a million objects that stay; going through them again and again took 5 % of a small run
    gc.set_threshold(10_000, 10, 10)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled job stops as cleanly as Ctrl-C
    try:
        _check_siblings()
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.UsageError as error:
        context = error.ctx.command_path if error.ctx else "bench"
        _fail(f"{error.format_message().rstrip('.')}; `{context} --help` says more", error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except UserError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped; what was answered is kept, and the same command goes on from there", INTERRUPTED)
    except BrokenPipeError:  # `bench runs | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename and error.errno in FILE_MISTAKES:
            _fail(f"{error.filename}: {error.strerror}", UserError.exit_code)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _fail(f"no space left on the disk ({error.filename or 'while writing'}); free some and run the same command", 1)
    except Exception as error:
        import sqlite3  # here, since `bench --help` needs none

        if not isinstance(error, sqlite3.OperationalError) or "full" not in str(error):
            raise
        _fail("no space left on the disk for the store; free some and run the same command: it goes on", 1)


def _note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: object = None,
) -> None:
    """Our own warnings are for the user; those of libraries about themselves are not."""
    if os.path.realpath(filename).startswith(os.path.dirname(FOLDER) + os.sep):
        click.echo(f"note: {message}", err=True)


def _fail(sentence: str, code: int) -> None:
    from harness.verdicts.wording import printable  # names in it come from files and models

    click.echo(f"bench: {printable(sentence)}", err=True)
    sys.exit(code)


def _check_siblings() -> None:
    """`tasks`, `leaderboard`, `trainers` are plain names: another distribution, or a file in the way, can hide ours."""
    home = os.path.dirname(os.path.dirname(FOLDER))
    for name in ("tasks", "leaderboard", "trainers"):
        spec = importlib.util.find_spec(name)
        origin = os.path.realpath(spec.origin) if spec and spec.origin else None
        if origin is None or os.path.dirname(os.path.dirname(origin)) != home:
            raise UserError(f"another '{name}' ({origin}) hides bench's own; run from another folder or uninstall it")
