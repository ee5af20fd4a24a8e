"""Tests of what people write: definitions, their types, their errors, and the plan that comes of them."""
