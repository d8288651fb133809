"""The local classifier: what a text asks for, in well under a millisecond, and why.

`LocalClassifier.load()` once at start-up, `with_custom` once per configuration, `score` for each
request. Nothing is read and nothing is computed when the package is imported.
"""

from llmrouter.policy.classifier.local import LocalClassifier
from llmrouter.policy.classifier.scores import CustomCategory, Evidence, Scores, blend

__all__ = ["CustomCategory", "Evidence", "LocalClassifier", "Scores", "blend"]
