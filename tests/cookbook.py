"""Identities of matrix calculus, numbered as in the Matrix Cookbook, in the language's notation.

K. B. Petersen and M. S. Pedersen, The Matrix Cookbook, version of 15 November 2012, sections 2.4 to
2.8. A row is a number there, what is declared, a number L, the variable, and the gradient of L by
it, which has the variable's shape. Powers Xⁿ stand for small n, with `@`. Where the Cookbook
differentiates a tensor, L is its product with a seed G or g of the same shape, cell by cell and
added up; where it speaks of structure, L is that of a matrix made from a variable without.
"""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """A claim: in a program of `declared` and `text`, ∂L/∂`variable` is `gradient`."""

    number: str
    declared: str
    text: str
    variable: str
    gradient: str


_X = "input X[N,M]"
_XNN = "input X[N,N]"
_AB = "input X[N,M], a[N], b[M]"
_AA = "input X[N,N], a[N], b[N]"
_SYMMETRIC = "input V[N,N], A[N,M], x[N], s[M]; W = V + V.T"
_SAME = "input V[N,N], x[N], s[N]; W = V + V.T"
_BETWEEN = "input A[K,N], X[N,M], B[M,K]"
_SQUARE = "input X[N,N], A[N,N], B[N,N]"

IDENTITIES = [Identity(*row) for row in [
    # 2.4 matrices, vectors and scalar forms: first order
    ("69", "input x[N], a[N]", "L = x.T @ a", "x", "a"),
    ("69", "input x[N], a[N]", "L = a.T @ x", "x", "a"),
    ("70", _AB, "L = a.T @ X @ b", "X", "a @ b.T"),
    ("71", "input X[N,M], a[M], b[N]", "L = a.T @ X.T @ b", "X", "b @ a.T"),
    ("72", _AA, "L = a.T @ X @ a", "X", "a @ a.T"),
    ("72", _AA, "L = a.T @ X.T @ a", "X", "a @ a.T"),
    ("73", "input X[N,M], G[N,M]", "L = sum(G * X)", "X", "G"),
    ("74", "input X[N,M], A[M,K], G[N,K]", "L = sum(G * (X @ A))", "X", "G @ A.T"),
    ("75", "input X[N,M], A[N,K], G[M,K]", "L = sum(G * (X.T @ A))", "X", "A @ G.T"),
    # second order
    ("76", _X, "L = sum(X)^2", "X", "2*sum(X)*ones(N,M)"),
    ("77", "input X[N,M], b[M], c[M]", "L = b.T @ X.T @ X @ c", "X", "X @ (b @ c.T + c @ b.T)"),
    ("78", "input x[N], B[K,N], b[K], C[K,M], D[M,N], d[M]",
     "L = (B @ x + b).T @ C @ (D @ x + d)", "x",
     "B.T @ C @ (D @ x + d) + D.T @ C.T @ (B @ x + b)"),
    ("79", "input X[N,M], B[N,N], G[M,M]", "L = sum(G * (X.T @ B @ X))", "X",
     "B.T @ X @ G + B @ X @ G.T"),
    ("81", "input x[N], B[N,N]", "L = x.T @ B @ x", "x", "(B + B.T) @ x"),
    ("82", "input X[N,M], D[N,N], b[M], c[M]", "L = b.T @ X.T @ D @ X @ c", "X",
     "D.T @ X @ b @ c.T + D @ X @ c @ b.T"),
    ("83", "input X[N,M], D[N,N], b[M], c[N]", "L = (X @ b + c).T @ D @ (X @ b + c)", "X",
     "(D + D.T) @ (X @ b + c) @ b.T"),
    ("84", _SYMMETRIC, "L = (x - A @ s).T @ W @ (x - A @ s)", "s", "-2*A.T @ W @ (x - A @ s)"),
    ("85", _SAME, "L = (x - s).T @ W @ (x - s)", "x", "2*W @ (x - s)"),
    ("86", _SAME, "L = (x - s).T @ W @ (x - s)", "s", "-2*W @ (x - s)"),
    ("87", _SYMMETRIC, "L = (x - A @ s).T @ W @ (x - A @ s)", "x", "2*W @ (x - A @ s)"),
    ("88", _SYMMETRIC, "L = (x - A @ s).T @ W @ (x - A @ s)", "A",
     "-2*W @ (x - A @ s) @ s.T"),
    ("89", "input x[N], b[N], a", "L = (a - x.T @ b)^2", "x", "-2*b*(a - x.T @ b)"),
    # higher order
    ("90", "input X[N,N], G[N,N]", "L = sum(G * (X @ X))", "X", "G @ X.T + X.T @ G"),
    ("90", "input X[N,N], G[N,N]", "L = sum(G * (X @ X @ X))", "X",
     "G @ (X @ X).T + X.T @ G @ X.T + (X @ X).T @ G"),
    ("91", _AA, "L = a.T @ X @ X @ b", "X", "a @ b.T @ X.T + X.T @ a @ b.T"),
    ("91", _AA, "L = a.T @ X @ X @ X @ b", "X",
     "a @ b.T @ (X @ X).T + X.T @ a @ b.T @ X.T + (X @ X).T @ a @ b.T"),
    ("92", _AA, "L = a.T @ X.T @ X @ b", "X", "X @ a @ b.T + X @ b @ a.T"),
    ("93", "input x[N], P[K,N], Q[M,N], A[K,M]; s = tanh(P @ x); r = sin(Q @ x)",
     "L = s.T @ A @ r", "x",
     "P.T @ ((1 - s.^2) * (A @ r)) + Q.T @ (cos(Q @ x) * (A.T @ s))"),
    ("94", "input x[N], A[K,N], B[M,N]", "L = (A @ x).T @ (A @ x)/((B @ x).T @ (B @ x))", "x",
     "2*A.T @ A @ x/(x.T @ B.T @ B @ x)"
     " - 2*(x.T @ A.T @ A @ x)*(B.T @ B @ x)/(x.T @ B.T @ B @ x)^2"),
    ("97", "input x[N], A[N,N], b[N]", "L = x.T @ A @ x + b.T @ x", "x", "(A + A.T) @ x + b"),
    ("98", "input x[N], A[N,N], b[N], g[N]", "L = g.T @ ((A + A.T) @ x + b)", "x",
     "(A + A.T) @ g"),
    # 2.5 traces: first order
    ("99", _XNN, "L = tr(X)", "X", "I(N)"),
    ("100", "input X[N,M], A[M,N]", "L = tr(X @ A)", "X", "A.T"),
    ("101", _BETWEEN, "L = tr(A @ X @ B)", "X", "A.T @ B.T"),
    ("102", "input A[K,M], X[N,M], B[N,K]", "L = tr(A @ X.T @ B)", "X", "B @ A"),
    ("103", "input X[N,M], A[N,M]", "L = tr(X.T @ A)", "X", "A"),
    ("104", "input X[N,M], A[N,M]", "L = tr(A @ X.T)", "X", "A"),
    ("105", "input X[N,N], A[M,M]", "L = tr(A)*tr(X)", "X", "tr(A)*I(N)"),
    # second order
    ("106", _XNN, "L = tr(X @ X)", "X", "2*X.T"),
    ("107", _SQUARE, "L = tr(X @ X @ B)", "X", "(X @ B + B @ X).T"),
    ("108", "input X[N,M], B[N,N]", "L = tr(X.T @ B @ X)", "X", "B @ X + B.T @ X"),
    ("109", "input X[N,M], B[N,N]", "L = tr(B @ X @ X.T)", "X", "B @ X + B.T @ X"),
    ("110", "input X[N,M], B[N,N]", "L = tr(X @ X.T @ B)", "X", "B @ X + B.T @ X"),
    ("111", "input X[N,M], B[M,M]", "L = tr(X @ B @ X.T)", "X", "X @ B.T + X @ B"),
    ("112", "input X[N,M], B[M,M]", "L = tr(B @ X.T @ X)", "X", "X @ B.T + X @ B"),
    ("113", "input X[N,M], B[M,M]", "L = tr(X.T @ X @ B)", "X", "X @ B.T + X @ B"),
    ("114", "input A[M,N], X[N,M], B[M,N]; C = B", "L = tr(A @ X @ C @ X)", "X",
     "A.T @ X.T @ C.T + C.T @ X.T @ A.T"),
    ("115", _X, "L = tr(X.T @ X)", "X", "2*X"),
    ("115", _X, "L = tr(X @ X.T)", "X", "2*X"),
    ("116", "input B[M,K], X[N,M], C[N,N]", "L = tr(B.T @ X.T @ C @ X @ B)", "X",
     "C.T @ X @ B @ B.T + C @ X @ B @ B.T"),
    ("117", "input X[N,M], B[N,N], C[M,M]", "L = tr(X.T @ B @ X @ C)", "X",
     "B @ X @ C + B.T @ X @ C.T"),
    ("118", "input A[K,N], X[N,M], B[M,M], C[N,K]", "L = tr(A @ X @ B @ X.T @ C)", "X",
     "A.T @ C.T @ X @ B.T + C @ A @ X @ B"),
    ("119", "input A[K,N], X[N,M], B[M,P], C[K,P]",
     "L = tr((A @ X @ B + C) @ (A @ X @ B + C).T)", "X", "2*A.T @ (A @ X @ B + C) @ B.T"),
    ("120", _XNN, "L = tr(X)*tr(X)", "X", "2*tr(X)*I(N)"),
    # higher order
    ("121", _XNN, "L = tr(X @ X @ X)", "X", "3*(X @ X).T"),
    ("121", _XNN, "L = tr(X @ X @ X @ X)", "X", "4*(X @ X @ X).T"),
    ("122", _SQUARE, "L = tr(A @ X @ X)", "X", "(A @ X + X @ A).T"),
    ("122", _SQUARE, "L = tr(A @ X @ X @ X)", "X", "(A @ X @ X + X @ A @ X + X @ X @ A).T"),
    ("123", "input X[N,M], B[M,K], C[N,N]", "L = tr(B.T @ X.T @ C @ X @ X.T @ C @ X @ B)", "X",
     "C @ X @ X.T @ C @ X @ B @ B.T + C.T @ X @ B @ B.T @ X.T @ C.T @ X"
     " + C @ X @ B @ B.T @ X.T @ C @ X + C.T @ X @ X.T @ C.T @ X @ B @ B.T"),
    # 2.6 and 2.7 norms
    ("129", "input x[N], a[N]", "L = ‖x - a‖_2", "x", "(x - a)/‖x - a‖_2"),
    ("130", "input x[N], a[N], g[N]", "L = g.T @ (x - a)/‖x - a‖_2", "x",
     "(I(N)/‖x - a‖_2 - (x - a) @ (x - a).T/‖x - a‖_2^3) @ g"),
    ("131", "input x[N]", "L = ‖x‖_2^2", "x", "2*x"),
    ("131", "input x[N]", "L = x.T @ x", "x", "2*x"),
    ("132", _X, "L = ‖X‖_F^2", "X", "2*X"),
    # 2.8 structure
    ("139", "input U[N,N], A[N,N]; X = U + U.T - U * I(N)", "L = tr(A @ X)", "U",
     "A + A.T - A * I(N)"),
    ("142", "input u[N], A[N,N]; X = diag(u)", "L = tr(A @ X)", "u", "diag(A)"),
    # not in the Cookbook: functions of cells, and what learning makes of the above
    ("-", "input X[N,M], A[N,M], B[N,M]", "L = sum(A * X * X * B)", "X", "2*A * X * B"),
    ("-", "input X[N,M], A[N,M]", "L = tr(A.T @ exp(X))", "X", "A * exp(X)"),
    ("-", "input X[N,M], a[N], b[M]", "L = a.T @ tanh(X) @ b", "X",
     "(a @ b.T) * (1 - tanh(X).^2)"),
    ("-", "input x[N], A[M,N], b[M]", "L = ‖A @ x - b‖^2", "x", "2*A.T @ (A @ x - b)"),
    ("-", "input x[N], A[M,N], b[M]", "L = ‖A @ x - b‖^2", "A", "2*(A @ x - b) @ x.T"),
    ("-", "input X[N,M], w[M], y[N], c", "L = ‖X @ w - y‖^2/N + c*‖w‖^2", "w",
     "2*X.T @ (X @ w - y)/N + 2*c*w"),
    ("-", "input X[N,M], Y[N,M]", "L = ‖X - Y‖_F", "X", "(X - Y)/‖X - Y‖_F"),
    ("-", "input x[N], w[N]", "L = x.T @ diag(w) @ x", "x", "2*w * x"),
    ("-", "input x[N], w[N]", "L = x.T @ diag(w) @ x", "w", "x * x"),
    ("-", "input W[M,N], x[N], t[M]", "L = ‖sigmoid(W @ x) - t‖^2/2", "W",
     "((sigmoid(W @ x) - t) * sigmoid(W @ x) * (1 - sigmoid(W @ x))) @ x.T"),
    ("-", "input x[N], A[N,N]", "L = x.T @ A @ x/(x.T @ x)", "x",
     "(A + A.T) @ x/(x.T @ x) - 2*(x.T @ A @ x)*x/(x.T @ x)^2"),
]]

OUT_OF_SCOPE = [  # numbers there, and why the language cannot say them
    ("46-58", "determinants"),
    ("59-64, 124-127", "inverses"),
    ("65-68", "eigenvalues, and an inverse's"),
    ("80", "the same as 79, written with single-entry matrices"),
    ("89", "complex numbers: only its real case is there"),
    ("90-92, 121, 122", "Xⁿ for any n: only small n are there"),
    ("96, 133-138", "definitions, and rules about any function at all"),
    ("105, 120", "Kronecker products: there are only the traces they come to"),
    ("128", "functions of matrices by power series: sin(X) is that of each cell here"),
    ("140, 141", "determinants of symmetric matrices"),
    ("143, 144", "Toeplitz matrices"),
]
