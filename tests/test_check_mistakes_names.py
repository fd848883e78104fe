"""The most specific name comes first: biases, channels, ways, means, rounding.

The values were worked out by hand or by other programs; each claim has one mistake in it.
"""

from __future__ import annotations

import pytest
from test_check_mistakes import (
    FREE,
    MEAN,
    POOL,
    PRELU,
    RESIDUAL,
    RIDGE,
    SHARED,
    SOFT,
    question,
    sheet,
    wrong,
)

from chainrule.check.judge import judge
from chainrule.check.mistakes_explain import explain
from chainrule.check.read import read_claims, read_paper
from chainrule.check.sheet_personal import personalised
from chainrule.check.sheet_reading import read_sheet

CNN = sheet("input side, depth, kernel, filters, stride, classes\n"
            "out = floor((side - kernel)/stride) + 1\nP = kernel^2*depth*filters + filters\n"
            "M = kernel^2*depth*filters*out^2\nF = 2*M\nA = out^2*filters\n"
            "D = A*classes + classes",
            "side = 28\ndepth = 6\nkernel = 5\nfilters = 20\nstride = 2\nclasses = 10")
CNNQ = "".join([CNN, *(question(of, of, f'phrases = ["{phrase}"]').replace(
    "question 1", f"question {k}") for k, (of, phrase) in enumerate([
                           ("P", "parameters"), ("M", "multiplications"), ("D", "dense"),
                           ("F", "operations"), ("A", "size")], 1))])
AFF = sheet("size n, m\ninput x[n]\nparameter W[m,n], b[m]\nz[j] = sum(i) W[j,i]*x[i] + b[j]\n"
            "h[j] = tanh(z[j])\nL = sum(j) h[j]^2", "[sizes]\nn = 3\nm = 4")
AFFN = sheet("input x[2]\nparameter W[2,2], b[2]\nz[j] = sum(i) W[j,i]*x[i] + b[j]\n"
             "h[j] = sigmoid(z[j])\nL = sum(j) h[j]^2",
             "x = [1, 2]\nW = [[0.5, -1], [1.5, 0.25]]\nb = [0.7, -0.4]")
_FORK = "input x, w\nu = x*w\na = exp(u)\nc = u^2\nd = sin(u)\ny = a + c*d"
FORK = sheet(_FORK, "x = 0.8\nw = 1.5")
FORKF = sheet(_FORK, "[free]\nx = {low = 0.5, high = 2}\nw = {low = 0.5, high = 2}")
RNN = sheet("input x1, x2, x3, h0\nparameter w, v\nh1 = tanh(w*h0 + v*x1)\n"
            "h2 = tanh(w*h1 + v*x2)\nh3 = tanh(w*h2 + v*x3)\nL = h3^2/2",
            "x1 = 1\nx2 = -0.5\nx3 = 0.7\nh0 = 0.2\nw = 0.9\nv = 0.6")
KERN = sheet("input X[3,3], G[2,2]\nparameter K[2,2]\n"
             "Y[i,j] = sum(a,b) K[a,b]*X[i+a,j+b] with i<2, j<2\nL = sum(i,j) G[i,j]*Y[i,j]",
             "X = [[1, 2, 0], [3, -1, 4], [2, 5, 1]]\nK = [[1, -2], [3, 1]]\n"
             "G = [[1, 2], [-1, 3]]")
LOGI = sheet("size m\ninput x[m], t[m]\nparameter w, lambda\nz[i] = w*x[i]\n"
             "p[i] = sigmoid(z[i])\nC = (sum(i) (p[i]-t[i])^2)/m\nR = lambda*w^2\nJ = C + R",
             "x = [1, -2, 0.5, 3]\nt = [1, 0, 1, 1]\nw = 0.7\nlambda = 0.1")
SOFTN = sheet("input a[3], t[3]\np = softmax(a)\nE = -sum(k) t[k]*ln(p[k])\n"
              "F = sum(k) (p[k]-t[k])^2/2", "a = [1, 2, 0.5]\nt = [0.2, 0.5, 0.3]")
LOG = sheet("input x, w\ny = ln(x)*w\nq = log10(x)\nr = w*log2(x)",
            "[free]\nx = {low = 1.5, high = 4}\nw = {low = 0.5, high = 2}")
LOGN = sheet("input x, w\ny = ln(x)*w\nE = -ln(w)", "x = 5\nw = 0.3")
POOL3 = sheet("input X[4,4]\nU[i,j] = max(a<2, b<2) X[2*i+a, 2*j+b]\nL = sum(i,j) U[i,j]^2/2",
              "X = [[1, 7, 2, 3], [4, 0.5, 9, 1.5], [6, 2.5, 3.5, 8], [5.5, 4.5, 0.2, 1.2]]")
TRACE = sheet("input x1, x2\ny = 1/(x1 + x2) + x2^2 + cos(x1)\noutput y", "x1 = 3\nx2 = 6")
NAMES = (r"$v_{-1} = x_1$, $v_0 = x_2$, $v_1 = 1/(v_{-1} + v_0)$, $v_2 = v_0^2$, "
         r"$v_3 = v_1 + v_2$, $v_4 = \cos(v_{-1})$, $v_5 = v_3 + v_4$, $y = v_5$." + "\n\n")
COUNTS = sheet("input n, c, k, f, s, p\no = floor((n - k + 2*p)/s) + 1\n"
               "P = k^2*c*f + f\nM = k^2*c*f*o^2\nF = 2*M",
               "n = 32\nc = 4\nk = 5\nf = 8\ns = 2\np = 1")
LAYERS = sheet("input s0, c0, k1, f1, k2, f2\no1 = s0 - k1 + 1\nP1 = k1^2*c0*f1 + f1\n"
               "M1 = k1^2*c0*f1*o1^2\nP2 = k2^2*f1*f2 + f2",
               "s0 = 20\nc0 = 4\nk1 = 7\nf1 = 12\nk2 = 3\nf2 = 10")
LOSSES = sheet("input a[3], t[3]\nl[i] = (a[i]-t[i])^2\nC = (sum(i) l[i])/3",
               "a = [1.5, 2, 0.5]\nt = [0.2, 0.5, 0.3]")
WHOLE = sheet("input x, y\nz = x*y + y\nu = 2*z", "x = 300\ny = 5")

CASES = [
    ("biases", CNNQ, r"1. The number of parameters is $5 \cdot 5 \cdot 6 \cdot 20 = 3000$"),
    ("biases", CNNQ, r"1. The number of parameters is $3000$"),
    ("biases", CNNQ, r"$P = 25 \cdot 6 \cdot 20$"),
    ("biases", CNNQ, r"$D = 28800$"),
    ("biases", CNNQ, r"$D = 28800 + 20 = 28820$"),
    ("biases", AFF, r"$\mathbf{z} = W x$"),
    ("biases", AFF, r"$z_j = \sum_i W_{ji} x_i$"),
    ("biases", AFF, r"$h = \tanh(W x)$"),
    ("biases", AFF, r"$h_j = \tanh(\sum_i W_{ji} x_i)$"),
    ("biases", AFFN, r"$z = [-1.5000, 2.0000]$"),
    ("biases", AFFN, r"$z_1 = -1.5000$"),
    ("biases", AFFN, r"$z_1 = 0.5 \cdot 1 - 1 \cdot 2 = -1.5$"),
    ("biases", AFFN, r"$h = [0.1824, 0.8808]$"),
    ("biases", AFFN, r"$L = \sigma(0.5 - 2)^2 + \sigma(1.5+0.5)^2$"),
    ("biases", RESIDUAL, r"$z = -0.6$"),
    ("biases", RESIDUAL, r"$z = 1.5 \cdot (-0.4) = -0.6$"),
    ("biases", RESIDUAL, r"$s = \tanh(u w)$"),
    ("biases", FREE, r"$z = u w$"),
    ("biases", FREE, r"$s = \frac{1}{1 + e^{-u w}}$"),
    ("input-channels", CNNQ, r"1. The number of parameters is $25 \cdot 20 + 20 = 520$"),
    ("input-channels", CNNQ, r"$P = 520$"),
    ("input-channels", CNNQ, r"$P = (25 + 1) \cdot 20$"),
    ("input-channels", CNNQ, r"$M = 5^2 \cdot 20 \cdot 12^2 = 72000$"),
    ("input-channels", CNNQ, r"2. The number of multiplications is $72000$"),
    ("input-channels", CNN, r"$M = \text{kernel}^2 \cdot \text{filters} \cdot \text{out}^2$"),
    ("mac-flop", CNNQ,
     r"2. The number of multiplications is $2 \cdot 25 \cdot 6 \cdot 20 \cdot 144 = "
     r"864000$"),
    ("mac-flop", CNNQ, r"2. The number of multiplications is $864000$"),
    ("mac-flop", CNNQ, r"$M = 864000$"),
    ("mac-flop", CNNQ, r"$F = 432000$"),
    ("mac-flop", CNNQ, r"4. The number of operations is $25 \cdot 6 \cdot 20 \cdot 144 = 432000$"),
    ("size-plus-one", CNNQ, r"$\text{out} = \lfloor (28 - 5)/2 \rfloor = 11$"),
    ("size-plus-one", CNNQ, r"$\text{out} = 11$"),
    ("size-plus-one", CNNQ, r"$A = 11 \cdot 11 \cdot 20 = 2420$"),
    ("size-plus-one", CNNQ, r"$A = 2420$"),
    ("size-floor", CNNQ, r"$\text{out} = 13$"),
    ("size-floor", CNNQ, r"$\text{out} = 12.5$"),
    ("size-floor", CNNQ, r"$\text{out} = \lceil (28 - 5)/2 \rceil + 1 = 13$"),
    ("size-plus-one", CNNQ, r"$M = 25 \cdot 6 \cdot 20 \cdot 11^2 = 363000$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial x} = 8.3355$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial x} = 5.7629$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial x} = 4.1380$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial u} = 5.5570$"),
    ("unsummed-fan-out", FORKF,
     r"$\frac{\partial y}{\partial u} = \frac{\partial y}{\partial a} \frac{\partial "
     r"a}{\partial u} + \frac{\partial y}{\partial c} \frac{\partial c}{\partial u}$"),
    ("unsummed-fan-out", FORKF, r"$\frac{\partial y}{\partial u} = e^u + 2 u \sin(u)$"),
    ("unsummed-fan-out", FORKF, r"$\frac{\partial y}{\partial u} = a + u^2 \cos(u)$"),
    ("unsummed-fan-out", FORK, r"$\frac{\partial y}{\partial u} = e^u + 2 u \sin(u)$"),
    ("unsummed-fan-out", FORKF, r"$\frac{\partial y}{\partial x} = w e^u + w 2 u \sin(u)$"),
    ("unsummed-fan-out", FORKF,
     r"$\frac{\partial y}{\partial x} = \frac{\partial y}{\partial a} \frac{\partial "
     r"a}{\partial x} + \frac{\partial y}{\partial c} \frac{\partial c}{\partial x}$"),
    ("unsummed-fan-out", RESIDUAL, r"$\frac{\partial q}{\partial u} = (1 - s^2) w$"),
    ("unsummed-fan-out", RESIDUAL, r"$\frac{\partial q}{\partial u} = 3$"),
    ("unsummed-fan-out", FREE, r"$\frac{\partial q}{\partial u} = s$"),
    ("unsummed-fan-out", FREE, r"$\frac{\partial q}{\partial s} = 2 s$"),
    ("unsummed-parameter", RNN, r"$\frac{\partial L}{\partial w} = 0.1076$"),
    ("unsummed-parameter", RNN, r"$\frac{\partial L}{\partial w} = 0.3160$"),
    ("unsummed-parameter", RNN, r"$\frac{\partial L}{\partial w} = 0.0330$"),
    ("unsummed-parameter", RNN, r"$\frac{\partial L}{\partial w} = h_3 (1 - h_3^2) h_2$"),
    ("unsummed-parameter", KERN,
     r"$$\frac{\partial L}{\partial K} = \begin{bmatrix} 1 & 2 \\ 3 & -1 \end{bmatrix}$$"),
    ("unsummed-parameter", PRELU, r"$\frac{\partial L}{\partial \alpha} = [0, 1.8, 0, 0.45]$"),
    ("unsummed-parameter", PRELU, r"$\frac{\partial L}{\partial \alpha} = 0.45$"),
    ("unsummed-parameter", LOGI,
     r"$\frac{\partial C}{\partial w} = [-0.0368, -0.0314, -0.0251, -0.0159]$"),
    ("unsummed-parameter", LOGI, r"$\frac{\partial C}{\partial w} = -0.0368$"),
    ("unsummed-parameter", LOGI, r"$\frac{\partial C}{\partial w} = -0.0159$"),
    ("unsummed-parameter", SHARED, r"$\frac{\partial L}{\partial a} = 4$"),
    ("unsummed-parameter", SHARED, r"$\frac{\partial L}{\partial a} = 4 - 4 = 0$"),
    ("batch-mean", LOGI, r"$\frac{\partial C}{\partial w} = -0.4366$"),
    ("batch-mean", LOGI,
     r"$\frac{\partial C}{\partial w} = \sum_i 2 (p_i - t_i) p_i (1 - p_i) x_i$"),
    ("batch-mean", LOGI,
     r"$\frac{\partial C}{\partial w} = 2 \sum_i (p_i - t_i) p_i (1 - p_i) x_i$"),
    ("batch-mean", LOGI, r"$C = 0.3320$"),
    ("batch-mean", LOGI, r"$C = 0.0208$"),
    ("batch-mean", LOGI, r"$C = \sum_i (p_i - t_i)^2$"),
    ("batch-mean", LOGI, r"$\frac{\partial J}{\partial w} = -0.2966$"),
    ("batch-mean", MEAN, r"$\frac{\partial C}{\partial w} = \frac{1}{m^2} \sum_i r_i x_i$"),
    ("batch-mean", MEAN, r"$\frac{\partial E}{\partial w} = \sum_i r_i x_i + \lambda w$"),
    ("batch-mean", LOGI, r"$\frac{\partial C}{\partial p} = [-0.6636, 0.3956, -0.8268, -0.2182]$"),
    ("batch-mean", LOGI, r"$\frac{\partial C}{\partial p_i} = 2 (p_i - t_i)$"),
    ("batch-mean", LOGI,
     r"$\frac{\partial C}{\partial w} = \frac{1}{4} \cdot \frac{1}{4} \sum_i 2 (p_i - "
     r"t_i) p_i (1 - p_i) x_i$"),
    ("weight-decay", LOGI, r"$\frac{\partial J}{\partial w} = -0.1091$"),
    ("weight-decay", LOGI,
     r"$\frac{\partial J}{\partial w} = \frac{1}{m} \sum_i 2 (p_i - t_i) p_i (1 - p_i) "
     r"x_i$"),
    ("weight-decay", LOGI,
     r"$\frac{\partial J}{\partial w} = \frac{\partial C}{\partial w} + \lambda w$"),
    ("weight-decay", LOGI, r"$\frac{\partial J}{\partial w} = \frac{\partial C}{\partial w} + w$"),
    ("weight-decay", MEAN, r"$\frac{\partial E}{\partial w} = \frac{\partial C}{\partial w}$"),
    ("weight-decay", RIDGE, r"$\frac{\partial J}{\partial w} = -0.4125 + 0.2 = -0.2125$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z} = [0.1513, 0.3516]$"),
    ("inner-derivative", AFFN, r"$\frac{\partial L}{\partial z} = [0.6201, 1.6640]$"),
    ("inner-derivative", AFFN, r"$\frac{\partial L}{\partial z} = [0.1922, 1.3845]$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z_1} = -0.8929$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z_1} = 2 h_1 z_1 (1 - z_1)$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z_1} = 2 h_1 \sigma'(h_1)$"),
    ("inner-derivative", AFFN, r"$\frac{\partial L}{\partial b} = [0.6201, 1.6640]$"),
    ("inner-derivative", AFFN,
     r"$$\frac{\partial L}{\partial W} = \begin{bmatrix}0.6201 & 1.2401 \\ 1.6640 & "
     r"3.3281\end{bmatrix}$$"),
    ("wrong-point", AFFN,
     r"$$\frac{\partial L}{\partial W} = \begin{bmatrix}0.1513 & 0.3027 \\ 0.3516 & "
     r"0.7031\end{bmatrix}$$"),
    ("inner-derivative", FORK, r"$\frac{\partial y}{\partial x} = 6.0788$"),
    ("softmax-diagonal", SOFTN,
     r"$$\frac{\partial p}{\partial a} = \begin{bmatrix}0.1778 & 0.0000 & 0.0000 \\ "
     r"0.0000 & 0.2335 & 0.0000 \\ 0.0000 & 0.0000 & 0.1206\end{bmatrix}$$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial F}{\partial a} = [0.0056, 0.0300, -0.0193]$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial E}{\partial a} = [-0.1538, -0.1857, -0.2579]$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial E}{\partial a_1} = -0.1538$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial F}{\partial a_2} = 0.0300$"),
    ("softmax-diagonal", SOFTN,
     r"$\frac{\partial p}{\partial a} = \operatorname{diag}(p \odot (1 - p))$"),
    ("softmax-diagonal", SOFT, r"$\frac{\partial p_i}{\partial a_j} = p_i (1 - p_i)$"),
    ("softmax-diagonal", SOFTN, r"$\frac{\partial p_1}{\partial a_2} = 0$"),
    ("log-base", LOG, r"$\frac{\partial q}{\partial x} = \frac{1}{x}$"),
    ("log-base", LOG, r"$\frac{\partial r}{\partial x} = \frac{w}{x}$"),
    ("log-base", LOG, r"$\frac{\partial y}{\partial x} = \frac{w}{x \ln 10}$"),
    ("log-base", LOGN, r"$y = 0.2097$"),
    ("log-base", LOGN, r"$E = 0.5229$"),
    ("log-base", LOGN, r"$E = -\ln(0.3) = 1.7370$"),
    ("log-base", SOFTN, r"$E = 0.4840$"),
    ("log-base", LOG, r"$\frac{d}{dx} \log_{10}(x) = \frac{1}{x}$"),
    ("pool-cell", POOL3,
     r"$$\frac{\partial L}{\partial X} = \begin{bmatrix} 0 & 7 & 0 & 0 \\ 0 & 0 & 9 & 0 "
     r"\\ 0 & 0 & 8 & 0 \\ 6 & 0 & 0 & 0 \end{bmatrix}$$"),
    ("pool-cell", POOL3,
     r"$$\frac{\partial L}{\partial X} = \begin{bmatrix} 0 & 7 & 0 & 0 \\ 0 & 0 & 9 & 0 "
     r"\\ 6 & 0 & 0 & 0 \\ 0 & 0 & 0 & 8 \end{bmatrix}$$"),
    ("pool-cell", POOL3,
     r"$$\frac{\partial L}{\partial X} = \begin{bmatrix} 7 & 7 & 9 & 9 \\ 7 & 7 & 9 & 9 "
     r"\\ 6 & 6 & 8 & 8 \\ 6 & 6 & 8 & 8 \end{bmatrix}$$"),
    ("pool-cell", POOL3, r"$\frac{\partial L}{\partial X_{11}} = 7$"),
    ("pool-cell", POOL,
     r"$$\frac{\partial y}{\partial X} = \begin{bmatrix} 0 & -2 & 0 & 0 \\ 0 & 0 & 3 & 0 "
     r"\\ 5 & 0 & 0 & 4 \\ 0 & 0 & 0 & 0 \end{bmatrix}$$"),
    ("arithmetic", RESIDUAL, r"$12.5 + 6.8 = 20.3$"),
    ("arithmetic", RESIDUAL, r"$3 \cdot 1.5 = 4.8$"),
    ("arithmetic", RESIDUAL, r"$q = -0.3364 + 3 \cdot 1.5 = 4.0636$"),
    ("arithmetic", RESIDUAL, r"$q = -0.3364 + 4.5 = 4.2636$"),
    ("brackets", RESIDUAL, r"$2 (1.3 + 4.5) = 7.1$"),
    ("brackets", RESIDUAL, r"$3 \cdot (2 - 0.4) = 5.6$"),
    ("brackets", RESIDUAL, r"$(3.2 + 1.7) \cdot 2.4 = 7.28$"),
    ("brackets", FREE, r"$2 (u + w) = 2 u + w$"),
    ("brackets", FREE, r"$s (s + u) = s^2 + u$"),
    ("early-rounding", RESIDUAL, r"$s = \tanh(-0.35) = -0.3364$, $q = -0.34 + 4.5 = 4.1600$"),
    ("early-rounding", RESIDUAL, r"$s^2 = 0.1156$"),
    ("early-rounding", FORK, r"$y = 4.6592$"),
    ("early-rounding", AFFN, r"$L = 0.7300$"),
    ("early-rounding", AFFN, r"$L = 0.7850$"),
    # ways, in names that the paper made up
    ("unsummed-fan-out", TRACE, NAMES + r"$\frac{\partial y}{\partial v_{-1}} = "
     r"\frac{\partial y}{\partial v_1} \frac{\partial v_1}{\partial v_{-1}}$"),
    ("unsummed-fan-out", TRACE, NAMES + r"$\frac{\partial y}{\partial v_{-1}} = "
     r"\frac{\partial y}{\partial v_1} \frac{\partial v_1}{\partial v_{-1}} + "
     r"\frac{\partial y}{\partial v_4} \frac{\partial v_4}{\partial v_{-1}} = -0.1411$"),
    # what a link leaves out
    ("input-channels", COUNTS, r"$M = k^2 c f o^2 = 5^2 \times 8 \times 15^2$"),
    ("input-channels", COUNTS, "$M = k^2 c f o^2 = 45000$"),
    ("input-channels", COUNTS, "$M = k^2 f o^2$"),
    ("input-channels", COUNTS, r"$P = (k^2 c + 1) f = (5^2 + 1) \times 8$"),
    ("input-channels", COUNTS, r"$M = 25 \cdot 4 \cdot 8 \cdot 225 = 25 \cdot 8 \cdot 225$"),
    ("input-channels", LAYERS, r"$M_1 = k_1^2 c_0 f_1 o_1^2 = 7^2 \times 12 \times 14^2$"),
    ("input-channels", LAYERS, r"$P_2 = k_2^2 f_1 f_2 + f_2 = 3^2 \times 10 + 10$"),
    ("input-channels", LAYERS, r"Let $C_{\text{in}} = 4$. "
     r"$P_1 = k_1^2 C_{\text{in}} f_1 + f_1 = 49 \cdot 12 + 12$"),
    ("factor", COUNTS, r"$M = k^2 c f o^2 = 5^2 \times 4 \times 15^2$"),
    ("biases", COUNTS, r"$P = k^2 c f + f = 5^2 \times 4 \times 8$"),
    ("biases", COUNTS, "$P = k^2 c f + f = 800$"),
    ("biases", COUNTS, "$P = k^2 c f$"),
    ("biases", COUNTS, r"$P = (k^2 c + 1) f = 5^2 \times 4 \times 8 = 800$"),
    ("mac-flop", COUNTS, "$M = 180000$, $F = 2 M = 180000$"),
    ("mac-flop", COUNTS, "$F = 2 M = 720000$"),
    ("mac-flop", COUNTS, r"$F = 2 M = 25 \cdot 4 \cdot 8 \cdot 225 = 180000$"),
    ("size-plus-one", COUNTS, r"$o = \lfloor (n - k + 2p)/s \rfloor + 1 = 14$"),
    ("size-plus-one", COUNTS, r"$o = \lfloor (32 - 5 + 2)/2 \rfloor + 1 = 14$"),
    ("size-plus-one", COUNTS, r"$o = \lfloor 29/2 \rfloor + 1 = 14 + 1 = 14$"),
    ("size-plus-one", LAYERS, "$o_1 = s_0 - k_1 + 1 = 13$"),
    ("size-floor", COUNTS, r"$o = \lfloor (n - k + 2p)/s \rfloor + 1 = 16$"),
    ("size-floor", COUNTS, r"$o = \lfloor 29/2 \rfloor + 1 = 15 + 1$"),
    ("wrong-point", AFFN, r"$\sigma'(z_1) = \sigma(z_1)$"),
    ("wrong-point", AFFN, r"$\sigma'(z_1) = 0.3100$"),
    ("wrong-point", AFFN, r"$\frac{\partial h_1}{\partial z_1} = 0.3100$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z_1} = 2 h_1 \sigma'(z_1) = "
     r"2 \cdot 0.3100 \cdot 0.3100$"),
    ("wrong-point", AFFN, r"$\frac{\partial L}{\partial z} = 2 h \odot \sigma'(z) = "
     r"[0.1922, 1.3845]$"),
    ("wrong-point", RESIDUAL, r"$\frac{\partial s}{\partial w} = (1 - s^2) u = "
     r"-0.3364 \cdot 1.5$"),
    ("brackets", COUNTS, r"$2 (3 + 4) = 2 \times 3 + 4$"),
    ("brackets", COUNTS, r"$P = (25 \cdot 4 + 1) \cdot 8 = 25 \cdot 4 + 8$"),
    ("brackets", COUNTS, r"$(1 + 2) (3 + 4) = 1 + 2 \cdot 3 + 4$"),
    ("batch-mean", LOSSES, "$C = (1.69 + 2.25 + 0.04)/3 = 3.98$"),
    ("batch-mean", LOSSES, r"$C = \frac{1}{3}(1.69 + 2.25 + 0.04) = 1.69 + 2.25 + 0.04$"),
    ("batch-mean", LOSSES, r"$C = \frac{l_1 + l_2 + l_3}{3} = 1.69 + 2.25 + 0.04$"),
    ("batch-mean", LOSSES, "$C = 3.98$"),
    ("batch-mean", LOSSES, r"$\frac{\partial C}{\partial a_1} = \frac{2}{3} (a_1 - t_1) = "
     r"2 \cdot 1.3$"),
    ("missing-term", WHOLE, "$z = x y + y = 1500$"),  # no count: no biases
    ("copied", WHOLE, "$u = 2 z = 1505$"),  # and no operations
    # one digit
    ("arithmetic", RESIDUAL, "$q = 4.1646$"),
]


@pytest.mark.parametrize(("kind", "text", "paper"), CASES, ids=lambda v: v[:40] if "\n" not in v
                         else "")
def test_the_most_specific_name_comes_first(kind: str, text: str, paper: str) -> None:
    found = wrong(text, paper)
    assert found, "nothing was found wrong"
    assert [m.kind for m in found[0].mistakes][:1] == [kind]


@pytest.mark.parametrize(("text", "paper", "why"), [
    (RNN, r"$\frac{\partial L}{\partial w} = 0.3160$",
     "w is used in several places: the contribution from h₁ is not added"),
    (FORKF, r"$\frac{\partial y}{\partial u} = e^u + 2 u \sin(u)$",
     "the way from u through d was left out"),
    (SOFTN, r"$\frac{\partial E}{\partial a} = [-0.1538, -0.1857, -0.2579]$",
     "only the diagonal of ∂p/∂a was used: every component of p depends on all of a"),
    (RESIDUAL, r"$2 (1.3 + 4.5) = 7.1$",
     "only 1.3 was taken into the product, not the whole bracket 1.3 + 4.5"),
])
def test_the_reason_names_the_place(text: str, paper: str, why: str) -> None:
    assert wrong(text, paper)[0].mistakes[0].why == why


@pytest.mark.parametrize(("text", "paper"), [
    (RNN, r"$\frac{\partial L}{\partial w} = 0.2871$"), (CNNQ, "$P = 71234$"),
    (FORK, r"$\frac{\partial y}{\partial u} = 2.9137$"), (AFFN, "$h = [0.7712, 0.1934]$"),
    (LOGI, r"$\frac{\partial C}{\partial w} = 0.7719$"), (AFFN, "$L = 0.3148$"),
    (SOFTN, r"$\frac{\partial F}{\partial a} = [0.0713, -0.0211, 0.0452]$"),
    (FORKF, r"$\frac{\partial y}{\partial u} = x c + 4$"),
])
def test_no_reason_is_made_up(text: str, paper: str) -> None:
    assert [j.mistakes for j in wrong(text, paper)] == [()]


@pytest.mark.parametrize("paper", [
    r"$\nabla q = u + 1$", r"$\nabla q = 0$", r"$\nabla_w q = 3.1416$"])
def test_a_gradient_that_does_not_say_by_what_is_no_error(paper: str) -> None:
    assert all(j.verdict == "wrong" for j in wrong(RESIDUAL, paper))


def test_what_follows_from_a_rounded_number_says_which_one() -> None:
    text = sheet("input u, w, b\nz = u*w + b\ns = tanh(z)\nq = s + 3*u",
                 "u = 1.5\nw = -0.4\nb = 0.25",
                 question("q", "q", "rounding = { decimals = 4 }"))
    paper = read_paper(b"1. $s = -0.34$, $q = s + 3 u = 4.16$", "p.md")
    report = judge(personalised(read_sheet(text, "s.md"), ""), paper, read_claims(paper), "",
                   explain=explain)
    last = report.judged[-1]
    assert last.verdict == "follows"
    assert last.mistakes[0].kind == "early-rounding"
    assert last.mistakes[0].why == "it comes from rounding s to -0.34 first"
