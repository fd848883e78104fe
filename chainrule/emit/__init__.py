"""Programs as readable source files for NumPy, PyTorch and JAX."""
