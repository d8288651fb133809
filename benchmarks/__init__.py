"""What the router costs: requests per second, processor time, delay, memory.  See `__main__`."""
