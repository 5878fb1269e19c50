"""How near a row is to groups of questions: TF-IDF of words and pairs of words, cosine to the middle of each group.

Example: of C-Eval's val questions, whose subjects are known, 46 % come out nearest to their own of the 52 subjects (2 % by
chance; most others at a neighbour, such as another school's physics), and 72 % of the medical ones at one of the four medical.
Traps: each Chinese character is a word, for spaces part nothing there; the weights are those of the questions alone, so that
a file of nothing but medicine does not make medicine a word that says nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.text import words

READ = 2_000  # characters of a text: what it is about is said at its beginning
ROWS = 4_096  # measured at once

Nearness = NDArray[np.float64]  # rows × groups, 0..1


def nearness(texts: Sequence[str], groups: Mapping[str, Sequence[str]], *, apart: bool = False) -> Nearness:
    """The cosine of each text to the middle of each group, in the groups' order; 0 where they share no word.

    `apart`: the texts are to be told from each other, not the groups, so words weigh by how few of the texts have them.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    flat = [(number, text) for number, name in enumerate(groups) for text in groups[name]]
    weigh = TfidfVectorizer(analyzer=_grams, sublinear_tf=True)
    weigh.fit([text for _, text in flat] + (list(texts) if apart else []))
    known = weigh.transform([text for _, text in flat])
    owner = np.array([number for number, _ in flat])
    middles = normalize(np.vstack([np.asarray(known[owner == number].mean(axis=0)) for number in range(len(groups))]))
    found = np.zeros((len(texts), len(groups)))
    for start in range(0, len(texts), ROWS):
        found[start : start + ROWS] = weigh.transform(texts[start : start + ROWS]) @ middles.T
    return found


def _grams(text: str) -> list[str]:
    tokens = ["0" if token[0].isdigit() else token for token in words(text[:READ])]
    return tokens + [f"{first}\x1f{second}" for first, second in itertools.pairwise(tokens)]
