"""The plan: what a set of feature groups needs, together. `build` makes it, `explain` draws it, `headrace.plan.model` is its form."""

from __future__ import annotations

from headrace.plan.explaining import describe, explain, lineage
from headrace.plan.model import Cell, Derived, FeaturePlan, GroupPlan, KeyPlan, Plan, SourcePlan, Track, Window
from headrace.plan.planner import build

__all__ = [
    "Cell", "Derived", "FeaturePlan", "GroupPlan", "KeyPlan", "Plan", "SourcePlan", "Track", "Window", "build", "describe", "explain",
    "lineage",
]  # fmt: skip
