"""Checking somebody's working: the first wrong step, why, and what follows from it."""
