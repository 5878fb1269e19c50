"""What a transformers Trainer calls while it trains: steps and looks for whoever watches, and the reasons to stop.

Example: watching = callback(watch, looker, recipe.watch, folder=work); SFTTrainer(…, callbacks=[watching]).train();
watching.ended is None, or "the loss is no number from step 41 on; the weights are those of step 30".
The Trainer should log every step (logging_steps=1): a loss that is no number is seen in its log.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainers.looking import Looker
from trainers.recipe import Watched
from trainers.watch import Watch

if TYPE_CHECKING:
    from trainers._watching import Watching


def callback(watch: Watch, looker: Looker | None, watched: Watched, *, folder: Path | None = None) -> Watching:
    """A TrainerCallback. `folder`: the working folder of this training, where its log grows and large copies lie.

    It knows afterwards: `ended` (why before its last step; None: it did not), `kept` (the step whose weights the model
    has, where that is not the last one; 0: the parent's), `broken` (its loss was no number and no good weights were at
    hand: it had just gone on after a kill), `looks`, `loss`, `tokens`, `seconds`, `peak_bytes`, `steps`, `log` (path).
    """
    from trainers._watching import Watching

    return Watching(watch, looker if looker is not None and len(looker) else None, watched, folder)
