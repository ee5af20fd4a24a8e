"""Replay: the log through the one dataflow, into files or tables."""
