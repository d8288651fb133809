"""The `ollama` dialect: Ollama's own API, on either side of the router."""
