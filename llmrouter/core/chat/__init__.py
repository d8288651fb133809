"""What every dialect says in its own words: prompts, their parts, and replies as deltas."""
