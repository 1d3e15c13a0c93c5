"""Compiling beside the work: short runs use plain Python until their kernels are compiled."""
