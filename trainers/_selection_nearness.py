"""How near a row is to groups of questions: TF-IDF of words and pairs of words, cosine to the middle of each group.

Example: of C-Eval's val questions, whose subjects are known, 45 % come out nearest to their own of the 52 subjects (2 % by
chance; most others at a neighbour, such as another school's physics), and 71 % of the medical ones at one of the four medical.
Traps: each Chinese character is a word, for spaces part nothing there; the weights are those of the questions alone, so that
a file of nothing but medicine does not make medicine a word that says nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.text import words

READ = 2_000  # characters of a text: what it is about is said at its beginning
ROWS = 4_096  # measured at once
BUCKETS = 1 << 20  # that words and pairs are hashed into, so that a million rows take no more memory than a thousand

Nearness = NDArray[np.float32]  # rows × groups, 0..1


def nearness(texts: Sequence[str], groups: Mapping[str, Sequence[str]], *, apart: bool = False) -> Nearness:
    """The cosine of each text to the middle of each group, in the groups' order; 0 where they share no word.

    `apart`: the texts are to be told from each other, not the groups, so words weigh by how few of the texts have them.
    """
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    flat = [(number, text) for number, name in enumerate(groups) for text in groups[name]]
    told = [text for _, text in flat]
    weights = _weights(itertools.chain(_counted(told), _counted(texts) if apart else ()))
    known = normalize(next(_counted(told, len(told))).multiply(weights).tocsr())
    member = csr_matrix((np.ones(len(flat)), ([number for number, _ in flat], range(len(flat)))))
    middles = normalize(member @ known)
    found = np.zeros((len(texts), len(groups)), np.float32)
    for number, some in enumerate(_counted(texts)):
        start = number * ROWS
        found[start : start + ROWS] = (normalize(some.multiply(weights).tocsr()) @ middles.T).toarray()
    return found


def _counted(texts: Sequence[str], rows: int = ROWS) -> Iterator[Any]:
    """How often each word and pair stands in each text, damped (1 + log), so many texts at a time."""
    from sklearn.feature_extraction.text import HashingVectorizer

    count = HashingVectorizer(analyzer=_grams, n_features=BUCKETS, alternate_sign=False, norm=None)
    for start in range(0, len(texts), rows):
        found = count.transform(texts[start : start + rows])
        found.data = 1 + np.log(found.data)
        yield found


def _weights(counted: Iterator[Any]) -> NDArray[np.float64]:
    """By how few texts have a word; nothing for words that none of them has."""
    having, n = np.zeros(BUCKETS), 0
    for some in counted:
        having += some.getnnz(axis=0)
        n += some.shape[0]
    return np.where(having > 0, np.log((1 + n) / (1 + having)) + 1, 0.0)


def _grams(text: str) -> list[str]:
    tokens = ["0" if token[0].isdigit() else token for token in words(text[:READ])]
    return tokens + [f"{first}\x1f{second}" for first, second in itertools.pairwise(tokens)]
