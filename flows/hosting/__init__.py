"""Prefect servers, workers and deployments on this machine."""
