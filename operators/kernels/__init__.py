"""The compiled part of the roll-up: state in NumPy arrays, tables that describe it, loops over both.

Nothing here knows a plan, an Arrow type or a file; `operators.layout` makes the tables, `operators.state` owns the arrays.
"""
