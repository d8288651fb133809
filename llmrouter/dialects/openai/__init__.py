"""The `openai` dialect: chat completions, on either side of the router."""
