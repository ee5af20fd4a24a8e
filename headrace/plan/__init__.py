"""The plan: what a set of feature groups needs, together. `build` makes it; its form stands in `headrace.plan.model`."""

from __future__ import annotations

from headrace.plan.build import build
from headrace.plan.model import Cell, Derived, FeaturePlan, GroupPlan, KeyPlan, Plan, SourcePlan, Track, Window

__all__ = ["Cell", "Derived", "FeaturePlan", "GroupPlan", "KeyPlan", "Plan", "SourcePlan", "Track", "Window", "build"]
