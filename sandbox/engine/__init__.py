"""Matching, positions, margin, triggers and funding: pure state, stepped from outside."""
