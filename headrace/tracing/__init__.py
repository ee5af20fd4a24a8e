"""Why a value is what it is: the events behind the features of one entity at one instant.

`trace` gives it as data; the command line draws it. The values are computed here once more, from the log and the plan, by plain loops, and
are compared with what the flow says.
"""

from headrace.tracing.events import Event
from headrace.tracing.model import CellTrace, FeatureTrace, Trace
from headrace.tracing.tracer import trace, trace_group

__all__ = ["CellTrace", "Event", "FeatureTrace", "Trace", "trace", "trace_group"]
