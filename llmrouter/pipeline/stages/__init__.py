"""The stages, one file each; `llmrouter.bootstrap.joining` puts them in order."""
