"""Tests of the flow on its engine."""
