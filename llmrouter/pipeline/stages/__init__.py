"""The stages, one file each; `llmrouter.bootstrap` puts them in order."""
