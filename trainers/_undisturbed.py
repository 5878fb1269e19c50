"""A look at a model in the midst of its training that the training never notices.

Example: `with undisturbed(model): answers = written(model, …)`. Trap: a single number drawn in between moves every
dropout mask and every shuffle after it, so that a watched training would end in other weights than an unwatched one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def undisturbed(model: Any = None) -> Iterator[None]:
    """Without gradients and, where a model is given, with dropout off; modes and all streams of chance as before after it."""
    modes = [(module, module.training) for module in model.modules()] if model is not None else []
    python, arrays = random.getstate(), np.random.get_state()
    cards = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    try:
        with torch.random.fork_rng(devices=list(cards)), torch.no_grad():
            if model is not None:
                model.eval()
            yield
    finally:
        for module, mode in modes:  # each its own: a frozen part may have been in eval all the time
            module.training = mode
        random.setstate(python)
        np.random.set_state(arrays)
