"""The harness: everything between a checkpoint folder and a verdict.

Questions become requests, an engine answers them, the store keeps the answers, scorers grade them, metrics count,
verdicts compare, reports and the site show. Each of those words is one room of this package.
"""

__version__ = "0.1.0"
