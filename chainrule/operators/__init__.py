"""Formulas from Python operators: `y = cr.log(x1) + x1*x2`, with NumPy's broadcasting spelled out.

Nothing is computed when operators are used. Each one makes a `Variable` over a node that remembers
its operands and knows its shape, so that a mistake is reported on the line that makes it; together
the nodes are a graph. `build.program_of` walks it once and writes one equation a node, indices and
all: for `W @ x + b` that is

    t1[i] = sum(j) W[i,j]*x[j]
    y[i] = t1[i] + b[i]

A variable that is used twice is one node, so what is shared in Python is shared in the program. Two
axes fit together if their sizes are equal or one of them is a literal 1, as in NumPy; sizes may be
names (`shape=("N", 3)`).
"""
