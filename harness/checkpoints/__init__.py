"""Checkpoints: a folder becomes a record (read), its flaws become findings (doctor), its history a record (lineage)."""
