"""Recurrent cells, one step of time each; `chainrule.nn.Unroll` repeats them along an axis.

Gates are stacked as frameworks stack them (LSTM: i, f, g, o; GRU: r, z, n).
"""

from __future__ import annotations

from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting

_SETTINGS: Final = (
    Setting("input_size", "V"), Setting("hidden_size", "U", NEEDED),
    Setting("bias", "b, c", True),
)
_START: Final = {
    "W": "uniform_fan_out", "R": "uniform_fan_out", "b": "zeros", "c": "zeros",
}
_SAMPLE: Final = {"hidden_size": 3}

ENTRIES: Final = (
    Entry("rnn_cell", "RNNCell", """
        input x[..., V], h[..., U]
        parameter W[U, V], R[U, U], b[U], c[U]
        y[..., u] = tanh(sum(v) W[u, v]*x[..., v] + b[u] + (sum(w) R[u, w]*h[..., w]) + c[u])
        """, "recurrent cell", "mixes what it reads with what it remembers", "Elman 1990",
          _SETTINGS, label="rnn", absent={"h": 0, "b": 0, "c": 0}, initial=_START,
          kind="cell", sample=_SAMPLE),
    Entry("lstm_cell", "LSTMCell", """
        input x[..., V], h[..., U], m[..., U]
        size U
        parameter W[4*U, V], R[4*U, U], b[4*U], c[4*U]
        a[..., r] = (sum(v) W[r, v]*x[..., v]) + b[r] + (sum(w) R[r, w]*h[..., w]) + c[r]
        i[..., u] = sigmoid(a[..., u]) with u < U
        f[..., u] = sigmoid(a[..., U + u]) with u < U
        g[..., u] = tanh(a[..., 2*U + u]) with u < U
        o[..., u] = sigmoid(a[..., 3*U + u]) with u < U
        m_new[..., u] = f[..., u]*m[..., u] + i[..., u]*g[..., u]
        h_new[..., u] = o[..., u]*tanh(m_new[..., u])
        output h_new, m_new
        """, "long short-term memory cell",
          "keeps a memory that gates write, forget and read",
          "Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000",
          _SETTINGS, label="lstm", absent={"h": 0, "m": 0, "b": 0, "c": 0}, initial=_START,
          kind="cell", sample=_SAMPLE),
    Entry("gru_cell", "GRUCell", """
        input x[..., V], h[..., U]
        size U
        parameter W[3*U, V], R[3*U, U], b[3*U], c[3*U]
        a[..., k] = sum(v) W[k, v]*x[..., v] + b[k]
        s[..., k] = sum(w) R[k, w]*h[..., w] + c[k]
        r[..., u] = sigmoid(a[..., u] + s[..., u]) with u < U
        z[..., u] = sigmoid(a[..., U + u] + s[..., U + u]) with u < U
        g[..., u] = tanh(a[..., 2*U + u] + r[..., u]*s[..., 2*U + u]) with u < U
        y[..., u] = (1 - z[..., u])*g[..., u] + z[..., u]*h[..., u]
        """, "gated recurrent unit", "an LSTM with two gates and no memory of its own",
          "Chung, Gulcehre, Cho and Bengio 2014; PyTorch, GRUCell", _SETTINGS, label="gru",
          absent={"h": 0, "b": 0, "c": 0}, initial=_START, kind="cell", sample=_SAMPLE),
    Entry("gru_cell_reset_first", "ResetFirstGRUCell", """
        input x[..., V], h[..., U]
        size U
        parameter W[3*U, V], R[3*U, U], b[3*U], c[3*U]
        a[..., k] = (sum(v) W[k, v]*x[..., v]) + b[k] + c[k]
        r[..., u] = sigmoid(a[..., u] + sum(w) R[u, w]*h[..., w]) with u < U
        z[..., u] = sigmoid(a[..., U + u] + sum(w) R[U + u, w]*h[..., w]) with u < U
        g[..., u] = tanh(a[..., 2*U + u] + sum(w) R[2*U + u, w]*r[..., w]*h[..., w]) with u < U
        y[..., u] = (1 - z[..., u])*g[..., u] + z[..., u]*h[..., u]
        """, "gated recurrent unit, reset before the product",
          "a GRU that chooses what to forget before it mixes what is left",
          "Cho et al. 2014, equations 5 to 8", _SETTINGS, label="gru",
          absent={"h": 0, "b": 0, "c": 0}, initial=_START, kind="cell", sample=_SAMPLE),
)
