"""llmrouter: one OpenAI-compatible address that sends each request to the right model.

Only the version stands here, so that ``llmrouter --version`` imports nothing else.
"""

__version__ = "0.1.0"
