"""A task's name becomes requests: catalogue (cards), load (data), prompts (wording), lmeval (stock tasks)."""
