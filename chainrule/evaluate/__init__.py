"""Values of programs: the NumPy reference, and exact and high-precision values cell by cell.

`values.bind` turns what a user gave into arrays and solves the symbolic sizes; `reference.run`
computes every tensor with NumPy; `cells.evaluate_cells` computes the same one cell at a time in
exact or high-precision arithmetic. The two share nothing but the function table, so each checks
the other. Nothing is imported here, so that a scalar formula is worked without loading NumPy.
"""
