"""The users' documents, and the programs that keep them true.

``python -m docs.generate`` writes the parts that come from the code; ``python -m docs.check`` says
what is stale, missing or wrong.
"""
