"""The chat template of a checkpoint, read as text: what can be switched in it, before anything is loaded.

Example: Qwen3's template mentions `enable_thinking`; Qwen2.5's doesn't, so `--think off` would change nothing there.
"""

from __future__ import annotations

from harness.checkpoints import _tokens
from harness.checkpoints.served import template_folder
from harness.records import Checkpoint


def text(checkpoint: Checkpoint) -> str | None:
    """An adapter's own template, else its base's; None without one."""
    return _tokens.template(template_folder(checkpoint))


def thinking_switch(checkpoint: Checkpoint) -> bool:
    return "enable_thinking" in (text(checkpoint) or "")
