"""Machine code from equations: the schedule, the generated kernels, the runtime that calls them."""
