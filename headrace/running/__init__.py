"""The live run: where it starts, the processes of it, checkpoints, what is seen while it runs.

It promises that the dataflow is the one that replays; it relies on `flows`, `sources` and `sinks` for everything that flows.
"""
