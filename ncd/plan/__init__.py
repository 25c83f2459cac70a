"""Choices by cost that keep the meaning: order, recomputation, machines and meshes of devices."""

from __future__ import annotations

from ncd.interpret.cost.collective import Collective, Mesh, all_gather, all_reduce, all_to_all, reduce_scatter
from ncd.interpret.cost.hierarchy import Hierarchy, hierarchy
from ncd.interpret.cost.machine import MACHINES, Level, Link, Machine, machine
from ncd.interpret.cost.recompute import Point, pareto
from ncd.interpret.cost.roofline import Roofline, mixed, roofline
from ncd.interpret.cost.schedule import Schedule, memory_profile, opened
from ncd.interpret.cost.search import best_schedule
from ncd.interpret.cost.sharded import Sharded, Sharding, sharded

__all__ = [
    "MACHINES", "Collective", "Hierarchy", "Level", "Link", "Machine", "Mesh", "Point", "Roofline",
    "Schedule", "Sharded", "Sharding", "all_gather", "all_reduce", "all_to_all", "best_schedule", "hierarchy",
    "machine", "memory_profile", "mixed", "opened", "pareto", "reduce_scatter", "roofline", "sharded"]
