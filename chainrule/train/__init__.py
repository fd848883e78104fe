"""Training: data, optimisers as formulas, the loop, checkpoints, and the health of gradients."""
