"""Makes the checkpoints that bench ranks; above the harness, which knows it only by the lineage file it writes."""
