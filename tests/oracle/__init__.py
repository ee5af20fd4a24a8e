"""An independent oracle of the semantics: pure, slow, and sharing no code with what it judges.

`model` is the neutral description, `accepting` and `clock` read the log, `windows` and `values` are what a value is; `rows`, `steps` and
`lookups` are the three things that can be asked. `duck` asks DuckDB for the rows of events, by other means again; `strategies` draws
logs and groups.
"""
