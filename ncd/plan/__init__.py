"""Choices by cost that keep the meaning: order, recomputation, machines and meshes of devices."""

from __future__ import annotations

from ncd.plan.machine.levels import Hierarchy, hierarchy
from ncd.plan.machine.machine import MACHINES, Level, Link, Machine, machine
from ncd.plan.machine.roofline import Roofline, mixed, roofline
from ncd.plan.memory.recompute import Point, pareto
from ncd.plan.memory.schedule import Schedule, memory_profile, opened
from ncd.plan.memory.search import best_schedule
from ncd.plan.mesh.collective import Collective, Mesh, all_gather, all_reduce, all_to_all, reduce_scatter
from ncd.plan.mesh.sharded import Sharded, Sharding, sharded

__all__ = [
    "MACHINES", "Collective", "Hierarchy", "Level", "Link", "Machine", "Mesh", "Point", "Roofline",
    "Schedule", "Sharded", "Sharding", "all_gather", "all_reduce", "all_to_all", "best_schedule", "hierarchy",
    "machine", "memory_profile", "mixed", "opened", "pareto", "reduce_scatter", "roofline", "sharded"]
