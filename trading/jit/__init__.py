"""How kernels run compiled: the mark, the compiler, and what it does to numba."""
