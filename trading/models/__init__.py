"""What models learn and how: labels, families, calibration, drift. No kernels live here."""
