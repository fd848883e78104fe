"""Rewriting formulas by named rules, each an identity that is stated, explained and tested."""
