"""The implementation against the oracle: rows of events, steps, look-ups, every aggregate and every shape of window."""
