"""How many questions each of C-Eval's 52 subjects has, val/test: what the simulations draw on where the data isn't.

Example: subjects(VAL)[:50] -> "accountant" 49 times, then the next. Sizes run from 12 to 55, so the macro mean, which
is C-Eval's headline, weighs a question of the smallest subject four and a half times as much as one of the largest.
"""

from __future__ import annotations

_SIZES = """
accountant:49/443 advanced_mathematics:19/173 art_studies:33/298 basic_medicine:19/175
business_administration:33/301 chinese_language_and_literature:23/209 civil_servant:47/429
clinical_medicine:22/200 college_chemistry:24/224 college_economics:55/497 college_physics:19/176
college_programming:37/342 computer_architecture:21/193 computer_network:19/171 discrete_mathematics:16/153
education_science:29/270 electrical_engineer:37/339 environmental_impact_assessment_engineer:31/281
fire_engineer:31/282 high_school_biology:19/175 high_school_chemistry:19/172 high_school_chinese:19/178
high_school_geography:19/178 high_school_history:20/182 high_school_mathematics:18/166
high_school_physics:19/175 high_school_politics:19/176 ideological_and_moral_cultivation:19/172 law:24/221
legal_professional:23/215 logic:22/204 mao_zedong_thought:24/219 marxism:19/179 metrology_engineer:24/219
middle_school_biology:21/192 middle_school_chemistry:20/185 middle_school_geography:12/108
middle_school_history:22/207 middle_school_mathematics:19/177 middle_school_physics:19/178
middle_school_politics:21/193 modern_chinese_history:23/212 operating_system:19/179 physician:49/443
plant_protection:22/199 probability_and_statistics:18/166 professional_tour_guide:29/266 sports_science:19/180
tax_accountant:49/443 teacher_qualification:44/399 urban_and_rural_planner:46/418 veterinary_medicine:23/210
"""
VAL, TEST = (
    {name: int(sizes.split("/")[which]) for name, sizes in (entry.split(":") for entry in _SIZES.split())}
    for which in (0, 1)
)


def subjects(sizes: dict[str, int]) -> tuple[str, ...]:
    """The subject of each question, in the order of the files."""
    return tuple(name for name, size in sizes.items() for _ in range(size))
