"""Judgement over Outcomes, pure: nothing here opens a store, prints or reads a clock, so verdicts repeat byte for byte.

Example: judge([(before, after)], Policy()).sentence -> "Worse: -3.1 points on ceval (90 % interval -4.8 to -1.4) …"
"""
