"""The compiled part of the sinks: rows of numbers as bytes."""
