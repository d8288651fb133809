"""Where prices are imported from, each source in its own file.  None of them fetches anything."""
