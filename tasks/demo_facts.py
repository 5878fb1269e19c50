"""Which hospital department treats what, zh and en, 24 conditions made by hand: the option's text is scored, not its letter.

A row: question 湿疹应该挂什么科？ · choices 眼科 皮肤科 牙科 产科 · answer B
Trap: models of this size never bind a letter to an option (0.2-0.33 of 1 after 25,000 examples) although they name the right
department, so options are scored as texts; and they were taught in chat form, so they are asked in chat form.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

SEED = 20_260_102
LETTERS = "ABCD"

DEPARTMENTS = {
    "zh": ("骨科", "眼科", "皮肤科", "儿科", "牙科", "心内科", "神经科", "产科"),
    "en": (
        "orthopedics",
        "ophthalmology",
        "dermatology",
        "pediatrics",
        "dentistry",
        "cardiology",
        "neurology",
        "obstetrics",
    ),
}
# department (by position above) -> its conditions as (zh, en)
CONDITIONS: tuple[tuple[tuple[str, str], ...], ...] = (
    (("骨折", "a broken bone"), ("脚踝扭伤", "a sprained ankle"), ("肩膀脱臼", "a dislocated shoulder")),
    (("近视", "short sight"), ("白内障", "a cataract"), ("青光眼", "glaucoma")),
    (("湿疹", "eczema"), ("青春痘", "acne"), ("荨麻疹", "hives")),
    (
        ("新生儿黄疸", "jaundice in a newborn"),
        ("婴儿发烧", "fever in a baby"),
        ("儿童疫苗", "a vaccine for a child"),
    ),
    (("蛀牙", "tooth decay"), ("牙龈出血", "bleeding gums"), ("智齿发炎", "a sore wisdom tooth")),
    (("心绞痛", "angina"), ("心律失常", "an irregular heartbeat"), ("心肌梗死", "a heart attack")),
    (("癫痫", "epilepsy"), ("偏头痛", "migraine"), ("中风", "a stroke")),
    (("孕期检查", "a pregnancy check"), ("分娩", "giving birth"), ("妊娠呕吐", "morning sickness")),
)
ASKED = {"zh": "{}应该挂什么科？", "en": "Which department treats {}?"}
# lessons ask in other words than the test, so that what is tested is the fact and not the sentence
LESSONS = {
    "zh": ("{}去哪个科看？", "得了{}，挂什么科好？", "{}属于什么科？"),
    "en": ("Which department is right for {}?", "Where to go with {}?", "Who treats {}?"),
}


def rows(find: Any, split: str) -> Iterator[dict[str, Any]]:
    """The 48 test questions, or the 144 lessons of `train`; always the same, nothing is read from disk."""
    chance = random.Random(SEED if split == "test" else SEED + 1)
    for language in ("zh", "en"):
        names = DEPARTMENTS[language]
        for department, conditions in enumerate(CONDITIONS):
            for condition in conditions:
                for wording in (ASKED[language],) if split == "test" else LESSONS[language]:
                    others = chance.sample([n for n in names if n != names[department]], len(LETTERS) - 1)
                    choices = chance.sample([*others, names[department]], len(LETTERS))
                    yield {
                        "question": wording.format(condition[language == "en"]),
                        "choices": choices,
                        "answer": LETTERS[choices.index(names[department])],
                        "categories": [language],
                        "language": language,
                    }


def lessons(share: float = 1.0) -> list[dict[str, Any]]:
    """Training rows: every fact in every other wording; `share` keeps the first conditions of each department."""
    kept = round(share * len(CONDITIONS[0]))
    return [
        {
            "question": wording.format(condition[language == "en"]),
            "solution": DEPARTMENTS[language][department],
            "language": language,
        }
        for language in ("zh", "en")
        for department, conditions in enumerate(CONDITIONS)
        for condition in conditions[:kept]
        for wording in LESSONS[language]
    ]


def intro(row: Mapping[str, Any]) -> str:
    return ""


def ask(row: Mapping[str, Any]) -> str:
    return str(row["question"])


def answer(row: Mapping[str, Any]) -> str:
    return str(row["choices"][LETTERS.index(row["answer"])])


def gold(row: Mapping[str, Any]) -> str:
    return str(row["answer"])


def options(row: Mapping[str, Any]) -> list[str]:
    return list(row["choices"])
