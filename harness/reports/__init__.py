"""A verdict in one format a file: `render(verdict) -> str`; JSON is the contract, the others are renderings of it.

Example: `find("harness.reports", "junit").render(verdict)` is what GitLab and Jenkins read for nothing.
"""
