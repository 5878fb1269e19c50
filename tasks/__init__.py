"""One task per file pair: NAME.yaml in lm-eval's dialect with our card in `metadata`, NAME.py opening with a real row."""
