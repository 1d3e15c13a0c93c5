"""Tests of what an operator does: units, upgrades, rotation, runbooks, secrets."""
