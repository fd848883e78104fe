"""Identities with a name: claims that `chainrule prove NAME` proves.

Each is a claim as one would type it, with a sentence that says what it is good for. None has a
proof stored with it: the proof is found when it is asked for, as for any other claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chainrule.document.blocks import Document, Prose, code, table
from chainrule.errors import UnknownNameError, did_you_mean


@dataclass(frozen=True, slots=True)
class Identity:
    """A claim with a name; `about` is one sentence, `givens` are what it assumes."""

    name: str
    about: str
    claim: str
    givens: tuple[str, ...] = ()


def identity(name: str) -> Identity:
    """The identity of that name.

    Raises `UnknownNameError` with the nearest name.

    >>> identity("softmax-shift").claim
    'input x[K], c; softmax(x + c) == softmax(x)'
    """
    for known in IDENTITIES:
        if known.name == name:
            return known
    raise UnknownNameError(f"there is no identity {name:.60}", None, did_you_mean(
        name, [i.name for i in IDENTITIES]) or "`chainrule prove --list` lists them")


def listing() -> Document:
    """All of them: their names, and what they say."""
    rows: list[list[Prose]] = [[code(i.name), i.about] for i in IDENTITIES]
    return Document("Identities with a name", (table(["name", "what it says"], rows),))


_CONVOLUTION: Final = "y[i] = sum(a) w[a]*x[i+a]"
_TOEPLITZ: Final = "T[i,j] = w[j-i] if j-i >= 0 and j-i < A else 0 with i < N-A+1, j < N"
_MEAN: Final = "m = sum(i) x[i]/N"
_LAYER_NORM: Final = ("input x[N], c, eps; m = sum(i) x[i]/N; v = sum(i) (x[i]-m)^2/N; "
                      "y[i] = (x[i]-m)/sqrt(v + eps)")

IDENTITIES: Final[tuple[Identity, ...]] = (
    # softmax
    Identity("softmax-shift", "Adding a number to all logits leaves softmax as it is.",
             "input x[K], c; softmax(x + c) == softmax(x)"),
    Identity("softmax-maximum", "Softmax may be computed with the maximum taken away: no overflow.",
             "input x[K]; exp(x[i] - max(j) x[j])/sum(k) exp(x[k] - max(j) x[j]) == "
             "exp(x[i])/sum(k) exp(x[k])"),
    Identity("softmax-sum", "The probabilities of softmax add up to 1.",
             "input x[K]; p = softmax(x); sum(i) p[i] == 1"),
    Identity("softmax-two-class", "Softmax over two classes is a sigmoid of the difference.",
             "input x[2]; p = softmax(x); p[1] == sigmoid(x[1] - x[0])"),
    Identity("softmax-reduced", "K classes need K - 1 logits: the last one may be 0.",
             "input z[K]; p = softmax(z); u[k] = z[k] - z[K-1] with k < K-1; "
             "q[k] = exp(u[k])/(1 + sum(j) exp(u[j])) with k < K-1; q[i] == p[i]"),
    Identity("softmax-ratio", "The log of a ratio of probabilities is a difference of logits.",
             "input z[K]; p = softmax(z); ln(p[i]/p[j]) == z[i] - z[j]"),
    Identity("log-softmax", "The log of softmax is the logit minus log-sum-exp.",
             "input z[K]; p = softmax(z); ln(p[i]) == z[i] - ln(sum(k) exp(z[k]))"),
    Identity("log-sum-exp-shift", "Log-sum-exp grows by what is added to all its arguments.",
             "input x[K], c; ln(sum(k) exp(x[k] + c)) == c + ln(sum(k) exp(x[k]))"),
    Identity("log-sum-exp-maximum", "Log-sum-exp may be computed with the maximum in front.",
             "input x[K]; ln(sum(i) exp(x[i])) == "
             "max(j) x[j] + ln(sum(i) exp(x[i] - max(j) x[j]))"),
    Identity("log-sum-exp-gradient", "The gradient of log-sum-exp is softmax.",
             "input x[K]; L = ln(sum(k) exp(x[k])); p = softmax(x); ∂L/∂x[i] == p[i]"),
    # losses
    Identity("cross-entropy-logits", "Cross-entropy needs the logits only, not softmax.",
             "input z[K], t[K]; p = softmax(z); "
             "-sum(i) t[i]*ln(p[i]) == ln(sum(k) exp(z[k])) - sum(i) t[i]*z[i]",
             ("sum(i) t[i] = 1",)),
    Identity("cross-entropy-gradient", "The gradient of softmax with cross-entropy is p - t.",
             "input z[K], t[K]; p = softmax(z); L = -sum(i) t[i]*ln(p[i]); "
             "∂L/∂z[i] == p[i] - t[i]", ("sum(i) t[i] = 1",)),
    Identity("one-hot-cross-entropy", "With a one-hot target cross-entropy is -ln of one entry.",
             "input t[K], p[K]; L = -sum(i) t[i]*ln(p[i]); L == -ln(p[y])", ("t is one-hot",)),
    Identity("binary-cross-entropy-logits", "Binary cross-entropy by the logit, with softplus.",
             "input z, t; -(t*ln(sigmoid(z)) + (1-t)*ln(sigmoid(-z))) == softplus(z) - t*z"),
    Identity("logistic-loss", "With labels -1 and 1 the logistic loss is softplus of -m.",
             "input z, y; -ln(sigmoid(y*z)) == softplus(-y*z)"),
    # activations
    Identity("sigmoid-tanh", "A sigmoid is a tanh, scaled and shifted.",
             "sigmoid(x) == (1 + tanh(x/2))/2"),
    Identity("tanh-sigmoid", "A tanh is a sigmoid, scaled and shifted.",
             "tanh(x) == 2*sigmoid(2*x) - 1"),
    Identity("sigmoid-symmetry", "A sigmoid of -x is what is missing to 1.",
             "sigmoid(-x) == 1 - sigmoid(x)"),
    Identity("tanh-odd", "tanh is odd.", "tanh(-x) == -tanh(x)"),
    Identity("tanh-sum", "tanh of a sum.",
             "tanh(x + y) == (tanh(x) + tanh(y))/(1 + tanh(x)*tanh(y))"),
    Identity("softplus-symmetry", "Softplus of x and of -x differ by x.",
             "softplus(x) - softplus(-x) == x"),
    Identity("softplus-stable", "Softplus without overflow.",
             "softplus(x) == max(x, 0) + ln(1 + exp(-abs(x)))"),
    Identity("log-sigmoid", "The log of a sigmoid is a softplus.",
             "ln(sigmoid(x)) == -softplus(-x)"),
    Identity("swish-symmetry", "Swish of x and of -x differ by x.",
             "x*sigmoid(x) - (-x)*sigmoid(-x) == x"),
    Identity("swish-tanh", "Swish by tanh.", "x*sigmoid(x) == x/2*(1 + tanh(x/2))"),
    Identity("relu-heaviside", "ReLU by the Heaviside function.", "relu(x) == x*heaviside(x)"),
    Identity("relu-abs", "ReLU by the absolute value.", "relu(x) == (x + abs(x))/2"),
    Identity("relu-scale", "ReLU commutes with positive factors.", "relu(c*x) == c*relu(x)",
             ("c > 0",)),
    Identity("relu-difference", "Two ReLUs make the identity.", "relu(x) - relu(-x) == x"),
    Identity("abs-relu", "Two ReLUs make the absolute value.", "abs(x) == relu(x) + relu(-x)"),
    Identity("max-relu", "The maximum of two numbers by a ReLU.", "max(x, y) == y + relu(x - y)"),
    Identity("leaky-relu-heaviside", "Leaky ReLU by the Heaviside function.",
             "(x if x >= 0 else x/100) == x*(heaviside(x) + (1 - heaviside(x))/100)"),
    Identity("prelu-heaviside", "PReLU by the Heaviside function.",
             "input x, a; (x if x >= 0 else a*x) == x*(heaviside(x) + a*(1 - heaviside(x)))"),
    Identity("prelu-relu", "PReLU by two ReLUs.",
             "input x, a; (x if x >= 0 else a*x) == relu(x) - a*relu(-x)"),
    Identity("clip-relu", "Clipping to 0 and 1 by two ReLUs.",
             "min(max(x, 0), 1) == relu(x) - relu(x - 1)"),
    # convolution
    Identity("convolution-matrix", "A convolution is a product with a Toeplitz matrix.",
             f"input x[N], w[A]; {_CONVOLUTION}; {_TOEPLITZ}; y == T @ x"),
    Identity("convolution-gradient-matrix", "Its input gradient is one with the transpose.",
             f"input x[N], w[A], g[N-A+1]; {_CONVOLUTION}; L = sum(i) g[i]*y[i]; {_TOEPLITZ}; "
             "∂L/∂x[j] == sum(i) T[i,j]*g[i]"),
    Identity("convolution-kernel-gradient", "The gradient of the kernel is a correlation too.",
             f"input x[N], w[A], g[N-A+1]; {_CONVOLUTION}; L = sum(i) g[i]*y[i]; "
             "∂L/∂w[a] == sum(i) g[i]*x[i+a]"),
    Identity("true-convolution-matrix", "With the kernel flipped the matrix is flipped too.",
             "input x[N], w[A]; y[i] = sum(a) w[a]*x[i+A-1-a]; "
             "T[i,j] = w[i+A-1-j] if i+A-1-j >= 0 and i+A-1-j < A else 0 with i < N-A+1, j < N; "
             "y == T @ x"),
    Identity("im2col", "A convolution is a matrix product of the kernels with gathered columns.",
             "input x[C,N], w[O,C,A]; y[o,i] = sum(c,a) w[o,c,a]*x[c,i+a]; "
             "X[c,a,i] = x[c,i+a] with c < C, a < A, i < N-A+1; "
             "y[o,i] == sum(c,a) w[o,c,a]*X[c,a,i]"),
    Identity("pointwise-convolution", "A convolution with a kernel of size 1 is a dense layer.",
             "input x[C,N], w[O,C,1]; y[o,i] = sum(c) sum(a<1) w[o,c,a]*x[c,i+a]; "
             "y[o,i] == sum(c) w[o,c,0]*x[c,i]"),
    Identity("average-pool-convolution", "Average pooling is a convolution with equal weights.",
             "input x[2*M]; w[a] = 1/2 with a < 2; y[i] = sum(a<2) w[a]*x[2*i+a] with i < M; "
             "y[i] == (x[2*i] + x[2*i+1])/2"),
    # statistics and normalisation
    Identity("mean-variance", "The variance is the mean square minus the squared mean.",
             f"input x[N]; {_MEAN}; sum(i) (x[i]-m)^2/N == sum(i) x[i]^2/N - m^2"),
    Identity("deviations-sum", "Deviations from the mean add up to 0.",
             f"input x[N]; {_MEAN}; sum(i) (x[i]-m) == 0"),
    Identity("mean-shift", "Squares around any point: the variance and a square.",
             f"input x[N], c; {_MEAN}; "
             "sum(i) (x[i]-c)^2 == sum(i) (x[i]-m)^2 + N*(m-c)^2"),
    Identity("batch-average", "The gradient of a mean loss is the mean of the gradients.",
             "input X[N,V], t[N], w[V]; L = sum(n) (sum(v) X[n,v]*w[v] - t[n])^2/(2*N); "
             "∂L/∂w[u] == sum(n) (sum(v) X[n,v]*w[v] - t[n])*X[n,u]/N"),
    Identity("layer-norm-shift", "Layer norm does not see what is added to all cells.",
             f"{_LAYER_NORM}; n = sum(i) (x[i]+c)/N; u = sum(i) (x[i]+c-n)^2/N; "
             "(x[i]+c-n)/sqrt(u + eps) == y[i]"),
    Identity("layer-norm-scale", "Without eps layer norm does not see a positive factor.",
             "input x[N], c; m = sum(i) x[i]/N; v = sum(i) (x[i]-m)^2/N; "
             "n = sum(i) c*x[i]/N; u = sum(i) (c*x[i]-n)^2/N; "
             "(c*x[i]-n)/sqrt(u) == (x[i]-m)/sqrt(v)", ("c > 0",)),
    Identity("rms-norm-scale", "RMS norm without eps does not see a positive factor.",
             "input x[N], c; c*x[i]/sqrt(sum(j) (c*x[j])^2/N) == x[i]/sqrt(sum(j) x[j]^2/N)",
             ("c > 0",)),
    # attention
    Identity("attention-shift", "Adding one vector to all keys leaves attention as it is.",
             "input q[D], k[T,D], v[T], u[D]; s[t] = sum(d) q[d]*k[t,d]; "
             "r[t] = sum(d) q[d]*(k[t,d] + u[d]); a = softmax(s); b = softmax(r); "
             "sum(t) b[t]*v[t] == sum(t) a[t]*v[t]"),
    Identity("attention-average", "With equal scores attention is the mean of the values.",
             "input v[T], c; s[t] = c with t < T; a = softmax(s); sum(t) a[t]*v[t] == "
             "sum(t) v[t]/T"),
    # matrices
    Identity("trace-cycle", "A trace does not change when its factors are turned round.",
             "input A[N,M], B[M,N]; tr(A @ B) == tr(B @ A)"),
    Identity("trace-cycle-three", "So it is with three factors.",
             "input A[N,M], B[M,K], C[K,N]; tr(A @ B @ C) == tr(C @ A @ B)"),
    Identity("transpose-product", "The transpose of a product is the product, turned round.",
             "input A[N,M], B[M,K]; (A @ B).T == B.T @ A.T"),
    Identity("norm-expansion", "The square of a difference.",
             "input x[N], y[N]; norm(x - y)^2 == norm(x)^2 - 2*dot(x, y) + norm(y)^2"),
    Identity("frobenius-trace", "The Frobenius norm by a trace.",
             "input A[N,M]; norm(A)^2 == tr(A.T @ A)"),
    Identity("outer-product-trace", "The trace of an outer product is the dot product.",
             "input a[N], b[N]; tr(a @ b.T) == dot(a, b)"),
    Identity("bias-as-weight", "A bias is a weight of an input that is 1.",
             "input x[I], W[J,I], b[J]; u[i] = 1 if i == I else x[i] with i < I+1; "
             "V[j,i] = b[j] if i == I else W[j,i] with j < J, i < I+1; V @ u == W @ x + b"),
    Identity("linear-layers", "Two linear layers are one.",
             "input x[I], A[J,I], B[K,J]; B @ (A @ x) == (B @ A) @ x"),
)
