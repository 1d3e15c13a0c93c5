"""A position after its entry: exit rules, scaling, sizing, liquidation."""
