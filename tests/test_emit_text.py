"""What emitted files look like: idioms, names, lines; what cannot be emitted; the command."""

from __future__ import annotations

import ast
import contextlib
import io
import keyword
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import formula_cases as cases
import numpy as np
import pytest
import random_networks
from emit_runner import loaded

from chainrule.cli import OK, USAGE, main
from chainrule.emit import TARGETS, emit
from chainrule.emit.names import identifier
from chainrule.errors import ChainruleError, DerivativeError, InputError, LimitError
from chainrule.lang.expr import Apply, Ref
from chainrule.lang.integers import constant
from chainrule.lang.program import Equation, Program, Tensor
from chainrule.lang.ranges import program
from chainrule.nn import zoo

DENSE = "z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]"


def body(text: str, name: str = "forward") -> list[str]:
    """The lines of a function that are not comments, without the indentation."""
    lines = text.split(f"def {name}(")[1].split("\n\n\n")[0].split("\n")
    return [line.strip() for line in lines if not line.strip().startswith("#")]


def module(text: str, folder: Path) -> ModuleType:
    path = folder / "emitted.py"
    path.write_text(text, encoding="utf-8")
    return loaded(path)


@pytest.fixture(scope="module")
def many() -> list[str]:
    """Files of all kinds, for all targets."""
    return list(every_kind())


def every_kind() -> Iterator[str]:
    for target in TARGETS:
        for case in cases.all_cases()[::6]:
            yield emit(cases.program(case), target)
        for case in cases.all_cases()[1::9]:
            yield emit(cases.generic(case), target)
        for seed in range(30):
            p = program(random_networks.formula_text(seed))
            yield emit(p, target, forward_only=seed % 5 == 0)
        for name in ("lenet5", "unet-small", "gpt"):
            yield emit(zoo.load(name).program, target, title=name)


# --- idioms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "line"), [
    (DENSE, "z = x @ W.T + b"),
    ("y[i] = sum(j) A[i,j]*x[j]", "y = A @ x"),
    ("y[n,i,j] = sum(k) A[n,i,k]*B[n,k,j]", "y = A @ B"),
    ("s[n,h,i,j] = sum(e) q[n,h,i,e]*k[n,h,j,e]/sqrt(E)",
     "s = q @ k.swapaxes(-1, -2) / np.sqrt(E)"),
    ("y = sum(i) a[i]*b[i]", "y = a @ b"),
    ("m = mean(i) a[i]", "m = a.mean()"),
    ("m[n] = max(i) a[n,i]", "m = a.max(axis=1)"),
    ("e[n,i] = exp(z[n,i] - max(k) z[n,k])", "e = np.exp(z - e_max[:, None])"),
    ("d[i] = x[i+1] - x[i] with i < N - 1; input x[N]", "d = x[1:] - x[:I_]"),
    ("t[i,j] = x[j,i]", "t = x.T"),
    ("t[k,i,j] = x[i,j,k]", "t = x.transpose(2, 0, 1)"),
    ("t[i] = A[i,i]", "t = A[np.arange(I_), np.arange(I_)]"),
    ("label y[N] < K; l[n] = p[n,y[n]]", "l_ = p[np.arange(N), y]"),
    ("y[i,j] = mean(k<2, l<2) x[2*i+k, 2*j+l]; input x[H,W]", ".mean(axis=(1, 3))"),
    ("f[J*i + j] = x[i,j]; input x[I,J]", "f = x.reshape(I_*J)"),
    ("u[2*i + a] = x[i] with a < 2", "u = x.repeat(2, axis=0)"),
    ("y[i] = sum(j, j <= i) x[j] with i < N; input x[N]", ""),
    ("y[i] = x[i] if x[i] > 0 else 0.1*x[i]", "y = np.where(x > 0, x, 0.1 * x)"),
    ("r[i] = x[N - 1 - i]; input x[N]", "r = x[::-1]"),
])
def test_equations_are_written_as_a_person_would(text: str, line: str) -> None:
    lines = body(emit(program(text), forward_only=True))
    assert any(line in found for found in lines), lines


def test_the_backward_pass_of_a_dense_layer_is_three_lines() -> None:
    lines = body(emit(program(DENSE)), "backward")
    assert [line for line in lines if "_bar =" in line] == [
        "W_bar = z_bar.T @ x", "x_bar = z_bar @ W", "b_bar = z_bar.sum(axis=0)"]


def test_what_a_softmax_needs_twice_is_computed_once() -> None:
    text = emit(program("p[n,i] = exp(z[n,i])/sum(k) exp(z[n,k])"))
    assert text.count("np.exp(") == 1
    assert "p = p_exp / p_sum[:, None]" in text
    assert "z_bar = p_exp_bar * p_exp" in text


def test_two_equal_log_sum_exps_are_computed_once() -> None:
    text = emit(program("label y[N] < K; l[n] = -0.9*ln(exp(z[n,y[n]])/sum(r) exp(z[n,r])) "
                        "- 0.1*sum(k) ln(exp(z[n,k])/sum(r) exp(z[n,r])); input z[N,K]"))
    assert text.count("np.exp(") == 1


def test_each_line_has_its_equation_above_it() -> None:
    lines = emit(program("h[n] = tanh(x[n]); L = sum(n) h[n]^2")).split("\n")
    for equation, line in (("# h[n] = tanh(x[n])", "h = np.tanh(x)"),
                           ("# h_bar[n] = 2*h[n]", "h_bar = 2 * h"),
                           ("# x_bar[n] = h_bar[n]*(1 - h[n]^2)", "x_bar = h_bar * (1 - h ** 2)")):
        assert lines[lines.index(f"    {equation}") + 1] == f"    {line}"


def test_an_equation_that_no_result_needs_is_left_out_and_named() -> None:
    text = emit(program("a = x^2; b = sin(x); y = a*2; output y"))
    assert "b = " not in text.replace("x_b", "").split('"""')[2]
    assert "Not computed, as no result needs it: b." in text


def test_what_is_chosen_at_kinks_is_said() -> None:
    assert "At kinks: relu has the derivative 0 at 0." in emit(program("y[i] = relu(x[i])"))
    assert "each side gets half" in emit(program("y[i] = max(x[i], 1)"))
    assert "first winner" in " ".join(emit(program("y = max(i) x[i]")).split())
    assert "At kinks" not in emit(program("y[i] = tanh(x[i])"))


# --- valid Python ---------------------------------------------------------------------------------


def test_files_are_valid_short_lined_and_need_one_library(many: list[str]) -> None:
    allowed = {"math", "numpy", "numpy.lib.stride_tricks", "torch", "torch.nn.functional", "jax",
               "jax.numpy"}
    for text in many:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(text)
            compile(text, "emitted.py", "exec")
        imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) if n.module}
        assert imported <= allowed
        assert len(imported & {"numpy", "torch", "jax"}) == 1
        assert all(len(line) < 100 and line == line.rstrip() for line in text.split("\n"))
        assert text.endswith(":\n    main()\n")


@pytest.mark.skipif(shutil.which("ruff", path=str(Path(sys.executable).parent)) is None
                    and shutil.which("ruff") is None, reason="ruff is not installed")
def test_files_pass_a_linter(many: list[str], tmp_path: Path) -> None:
    for number, text in enumerate(many):
        (tmp_path / f"emitted_{number}.py").write_text(text, encoding="utf-8")
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    done = subprocess.run([str(ruff), "check", "--isolated", "--select", "E,F,W,I,B",
                           "--line-length", "99", str(tmp_path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_files_are_the_same_each_time() -> None:
    for target in TARGETS:
        p = zoo.load("lenet5").program
        assert emit(p, target) == emit(p, target)


HOSTILE = ["__import__", "lambda", "print", "σ", "z̄", "np", "forward", "cache", "x y", "a.b", "a_b",
           "\u2028evil", '"""', "\\", "import os\nos.abort()", "", "名", "é", "l", "O", "I", "1st",
           "None", "x_bar", "match", "self", "math", "main", "rng", "x" * 300]


def test_names_from_strangers_become_safe_ones() -> None:
    names = [name or "empty" for name in HOSTILE]
    tensors = {name: Tensor(name, (constant(2),)) for name in names}
    total = None
    i = program("y[i] = x[i]").equations[0].subscripts
    for name in names:
        total = Ref(name, i) if total is None else Apply("add", (total, Ref(name, i)))
    tensors["sum"] = Tensor("sum", (constant(2),))
    ranges = program("y[i] = x[i] with i < 2").equations[0].ranges
    assert total is not None
    p = Program(tensors, tuple(names), (Equation("sum", i, ranges, total),), ("sum",), ())
    for target in TARGETS:
        text = emit(p, target, title='"""\nimport os; os.abort()\n"""')
        assert text.isprintable() or all(c == "\n" or c.isprintable() for c in text)
        tree = ast.parse(text)
        forward = next(n for n in tree.body if isinstance(n, ast.FunctionDef)
                       and n.name == "forward")
        arguments = [a.arg for a in forward.args.args]
        assert len(set(arguments)) == len(names)
        assert not any(keyword.iskeyword(a) or a in dir(__builtins__) for a in arguments)
        assert [type(n).__name__ for n in tree.body if not isinstance(
            n, ast.Import | ast.ImportFrom | ast.FunctionDef)] == ["Expr", "If"]
        calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call)
                 and isinstance(n.func, ast.Name)}
        assert calls <= {"forward", "backward", "main", "print", "float", "tuple", "iter", "next",
                         "abs", "isinstance"}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_identifier_is_plain(name: str) -> None:
    found = identifier(name)
    assert found.isidentifier() and found.isascii() and len(found) <= 42


# --- files that run -------------------------------------------------------------------------------


def test_a_file_checks_itself_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dense.py"
    path.write_text(emit(program(DENSE)), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", str(path)], capture_output=True,
                          text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("along a random direction, by differences") == 3


def test_a_file_with_a_wrong_backward_pass_fails_when_it_is_run(tmp_path: Path) -> None:
    wrong = emit(program(DENSE)).replace("x_bar = z_bar @ W", "x_bar = z_bar @ (2 * W)")
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(AssertionError):
        module(wrong, tmp_path).main()


def test_arrays_of_wrong_shape_and_labels_out_of_range_are_refused(tmp_path: Path) -> None:
    dense = module(emit(program(DENSE)), tmp_path)
    x, W, b = np.ones((4, 3)), np.ones((2, 3)), np.ones(2)
    _, cache = dense.forward(W=W, x=x, b=b)
    for bad in ({"b": np.ones(1)}, {"b": np.ones((4, 2))}, {"x": np.ones((4, 2))}):
        with pytest.raises((AssertionError, ValueError)):
            dense.forward(**{"x": x, "W": W, "b": b, **bad})
    with pytest.raises(AssertionError):
        dense.backward(cache, np.ones((1, 2)))
    loss = module(emit(program("label y[N] < K; input p[N,K]; L = -sum(n) ln(p[n,y[n]])")),
                  tmp_path)
    for y in ([0, 3], [-1, 0]):
        with pytest.raises(AssertionError):
            loss.forward(y=np.array(y), p=np.full((2, 3), 0.5))


def test_plain_numbers_do_for_scalars(tmp_path: Path) -> None:
    found = module(emit(program("input a, b; A[0,0] = a*1; y = A[0,0]*sin(b)")), tmp_path)
    y, cache = found.forward(2.0, 3.0)
    assert float(y) == 2*np.sin(3.0)
    assert float(found.backward(cache)["a"]) == np.sin(3.0)


def test_sizes_that_no_shape_tells_are_arguments(tmp_path: Path) -> None:
    found = module(emit(program("input x[N]; label y[N] < K; h[y[n]] += x[n]; output h"),
                        forward_only=True), tmp_path)
    np.testing.assert_array_equal(
        found.forward(x=np.array([1.0, 2, 4]), y=np.array([1, 1, 0]), K=3), [4, 3, 0])


# --- what cannot be emitted -----------------------------------------------------------------------


def test_what_cannot_be_emitted_is_a_typed_error() -> None:
    p = program("input x[N]; y[n] = x[n]^2; s = sum(n) y[n]")
    with pytest.raises(InputError, match="numpyy"):
        emit(p, "numpyy")
    for of, wrt in (("q", None), ("s", ["q"]), ("s", ["y", "nothing"])):
        with pytest.raises(ChainruleError, match=r"q|nothing"):
            emit(p, of=of, wrt=wrt)


def test_a_program_without_a_real_output_has_only_a_forward_pass(tmp_path: Path) -> None:
    p = program("input x[N]; k = argmax(n) x[n]; output k")
    with pytest.raises(DerivativeError, match="no real output"):
        emit(p)
    assert module(emit(p, forward_only=True), tmp_path).forward(np.array([1.0, 3, 3])) == 1


def test_derivatives_by_inner_tensors_are_printed_as_they_cannot_be_moved(tmp_path: Path) -> None:
    found = module(emit(program("h[n] = x[n]^2; L = sum(n) h[n]^2; output L"), wrt=["h"]), tmp_path)
    _, cache = found.forward(np.array([1.0, 2]))
    np.testing.assert_array_equal(found.backward(cache)["h"], [2, 8])
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        found.main()
    assert "h_bar =" in printed.getvalue() and "differences" not in (found.main.__doc__ or "")


def test_a_program_of_too_many_equations_is_refused_before_work_is_done() -> None:
    p = program("; ".join(["a0 = x"] + [f"a{k} = a{k - 1} + 1" for k in range(1, 60)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.emit.source.EMITTED_EQUATIONS", 50)
        with pytest.raises(LimitError, match="60 equations"):
            emit(p)


def test_a_deep_equation_is_written() -> None:
    deep = program("y = " + "sin(" * 90 + "x" + ")" * 90)
    ast.parse(emit(deep))


# --- the command ----------------------------------------------------------------------------------


Capture = pytest.CaptureFixture[str]


def call(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = main(["emit", *arguments])
    return code, *capsys.readouterr()


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_prints_what_the_function_returns(target: str, capsys: Capture) -> None:
    wanted = emit(program(DENSE), target)
    assert call(capsys, DENSE, "--target", target) == (OK, wanted, "")


def test_the_command_writes_a_file(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "lenet.py"
    assert call(capsys, "lenet5", "--loss", "CrossEntropyLoss", "-o", str(path))[0] == OK
    text = path.read_text(encoding="utf-8")
    assert text.startswith('"""lenet5: the forward and backward pass in NumPy.')
    ast.parse(text)


@pytest.mark.parametrize(("arguments", "word"), [
    (["y = a*"], "expected a number"), (["y = a*b", "--of", "q"], "no such tensor"),
    (["y = a*b", "--wrt", "q"], "no such tensor"), (["y = a*b", "--target", "C"], "numpy"),
    (["y = a*b", "--forward-only", "--of", "y"], "one or the other"),
    (["y = a*b", "--loss", "CrossEntropyLoss"], "for networks"),
    (["no-such-file.toml"], "No such file"), (["y = a*b", "-o", "/no/such/f.py"], "written"),
])
def test_the_command_says_what_is_wrong(arguments: list[str], word: str, capsys: Capture) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (USAGE, "")
    assert word in err and "Traceback" not in err
