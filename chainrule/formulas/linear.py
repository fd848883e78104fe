"""Dense layers, embeddings, sums of branches, and cells put in another order."""

from __future__ import annotations

from typing import Final

from chainrule.formulas.entry import NEEDED, Entry, Setting

ENTRIES: Final = (
    Entry("dense", "Dense", """
        input x[..., V]
        parameter W[U, V], b[U]
        z[..., u] = sum(v) W[u, v]*x[..., v] + b[u]
        """, "dense layer", "weighs all inputs for each unit and adds a bias",
          "Goodfellow, Bengio and Courville 2016, chapter 6",
          (Setting("in_features", "V"), Setting("out_features", "U", NEEDED),
           Setting("bias", "b", True)),
          label="dense", absent={"b": 0}, initial={"W": "xavier_uniform", "b": "zeros"},
          aliases=("linear", "Linear"), sample={"out_features": 3}),
    Entry("dense_axes", "DenseAxes", """
        input x[..., {I}]
        parameter w[U, {I}], b[U]
        z[..., u] = sum({i}) w[u, {i}]*x[..., {i}] + b[u]
        """, "dense layer over several axes",
          "a dense layer on an image or a volume, without flattening it first",
          "Goodfellow, Bengio and Courville 2016, chapter 6",
          (Setting("out_features", "U", NEEDED), Setting("start_dim", "", 1),
           Setting("bias", "b", True)),
          axes="start_dim", label="dense", absent={"b": 0},
          initial={"w": "xavier_uniform", "b": "zeros"}, sample={"out_features": 3}),
    Entry("bilinear", "Bilinear", """
        input x[..., V], t[..., Z]
        parameter W[U, V, Z], b[U]
        y[..., u] = sum(v, z) x[..., v]*W[u, v, z]*t[..., z] + b[u]
        """, "bilinear layer", "weighs all products of two inputs",
          "Tenenbaum and Freeman 2000",
          (Setting("in1_features", "V"), Setting("in2_features", "Z"),
           Setting("out_features", "U", NEEDED), Setting("bias", "b", True)),
          absent={"b": 0}, initial={"W": "xavier_uniform", "b": "zeros"},
          sample={"out_features": 3}),
    Entry("embedding", "Embedding", """
        label y[...] < V
        parameter E[V, D]
        x[..., d] = E[y[...], d]
        """, "embedding", "looks up the row of a table for each token",
          "Bengio, Ducharme, Vincent and Jauvin 2003",
          (Setting("num_embeddings", "V", NEEDED), Setting("embedding_dim", "D", NEEDED)),
          initial={"E": "normal"}, sample={"num_embeddings": 5, "embedding_dim": 3}),
    Entry("positions", "Positions", """
        input x[..., T, D]
        parameter P[T, D]
        y[..., t, d] = x[..., t, d] + P[t, d]
        """, "learnt positions", "adds to each token where it stands",
          "Gehring, Auli, Grangier, Yarats and Dauphin 2017; Radford et al. 2018",
          initial={"P": "normal 0.02"}),
    Entry("class_token", "ClassToken", """
        input x[..., T, D]
        parameter v[D]
        y[..., t, d] = v[d] with t < 1, ... < ...
        y[..., t + 1, d] = x[..., t, d]
        """, "class token", "puts a learnt token in front of the others",
          "Devlin, Chang, Lee and Toutanova 2019; Dosovitskiy et al. 2021",
          initial={"v": "normal 0.02"}),
    Entry("select", "Select", """
        input x[..., I, {J}]
        size s
        y[..., {j}] = x[..., s, {j}]
        """, "one cell of an axis", "takes one token, one channel, one row",
          "PyTorch, select; NumPy, basic indexing",
          (Setting("axis", "", 1), Setting("index", "s", 0, least=0)), axes="axis"),
    Entry("add", "Add", """
        input x[...], f[...]
        y[...] = x[...] + f[...]
        """, "sum of two branches", "adds a residual to what it corrects",
          "He, Zhang, Ren and Sun 2016, equation 1", kind="join"),
    Entry("multiply", "Multiply", """
        input x[...], f[...]
        y[...] = x[...]*f[...]
        """, "product of two branches", "lets one branch gate another",
          "Dauphin, Fan, Auli and Grangier 2017", kind="join"),
    Entry("concat", "Concat", """
        input a[..., A, {I}], b[..., B, {I}]
        y[..., c, {i}] = a[..., c, {i}]
        y[..., A + c, {i}] = b[..., c, {i}]
        """, "concatenation", "puts the channels of one branch behind those of another",
          "Ronneberger, Fischer and Brox 2015; Huang, Liu, van der Maaten and Weinberger 2017",
          (Setting("axis", "", 1),), axes="axis", kind="join"),
    Entry("flatten", "Flatten", """
        input x[..., {I}]
        f[..., flat({i}; {I})] = x[..., {i}]
        """, "flatten", "puts all cells of an example into one vector, the last axis fastest",
          "PyTorch, Flatten; row-major order",
          (Setting("start_dim", "", 1),), axes="start_dim", kind="shape"),
    Entry("patches", "Patches", """
        input x[..., C, {P*I}]
        size {P}
        y[..., flat({i}; {I}), flat({r}; {P})*C + c] = x[..., c, {P*i + r}] \
with {i < I}, {r < P}
        """, "patches", "cuts an image into squares, a token each", "Dosovitskiy et al. 2021",
          (Setting("patch_size", "{P}", NEEDED),), axes=2, kind="shape",
          sample={"patch_size": 2}),
    Entry("weight_decay", "WeightDecay", """
        input w[{I}]
        constant l
        R = l/2*sum({i}) w[{i}]^2
        """, "weight decay", "keeps weights small: its gradient is λw",
          "Krogh and Hertz 1992; Goodfellow, Bengio and Courville 2016, section 7.1.1",
          (Setting("strength", "l", 1e-4),), axes="rest", kind="loss"),
)
