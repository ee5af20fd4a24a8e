"""The dataflows, each a function from a plan to a Bytewax `Dataflow`."""
