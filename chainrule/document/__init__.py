"""Neutral documents: what is said and how mathematics is written, before any format is chosen."""
