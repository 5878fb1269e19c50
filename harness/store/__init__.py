"""The store: every run with its prompts, answers, scores and results in one SQLite file, `results/bench.db`.

Example: `with open_store(Path("results/bench.db")) as store, Writer(store) as writer: writer.put(response)`.
Trap: sqlite-utils opens transactions with a deferred BEGIN, which fails at once when another process commits
between our read and our write; every write here goes through `Store.transaction()`, a BEGIN IMMEDIATE.
"""
