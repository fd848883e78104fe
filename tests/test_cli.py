"""The command line: what it prints, where errors point, and how it ends."""

import io
import json
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from click.testing import CliRunner

import chainrule.cli as package
from chainrule.cli import BUG, FINDINGS, INTERRUPTED, OK, REFUSED, USAGE, cli, common, main
from chainrule.errors import InputError

EXAMPLES = Path(__file__).parent.parent / "examples"
AD1 = "y = ln(x1) + x1*x2 - sin(x2)"
AD2 = "y = 1/(x1+x2) + x2^2 + cos(x1)"


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command line; (exit code, standard output, standard error)."""

    def run(*words, stdin=None):
        if stdin is not None:
            data = stdin if isinstance(stdin, bytes) else stdin.encode()
            stream = types.SimpleNamespace(buffer=io.BytesIO(data))
            monkeypatch.setattr(sys, "stdin", stream)
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_grad_prints_the_json_that_the_issue_asks_for(call):
    code, out, err = call("grad", "y = a*b", "--at", "a=2", "b=3", "--format", "json")
    assert (code, err) == (OK, "")
    assert json.loads(out) == {"schema": 1, "value": 6.0, "gradient": {"a": 3.0, "b": 2.0}}


def test_the_course_formulas_have_their_gradients(call):
    _, out, _ = call("grad", AD1, "--at", "x1=2", "x2=5", "--format", "json")
    found = json.loads(out)
    assert found["value"] == pytest.approx(11.652071455223084, abs=1e-14)
    assert found["gradient"] == pytest.approx({"x1": 5.5, "x2": 1.7163378145367738})
    _, out, _ = call("grad", AD2, "--at", "x1=3", "x2=6", "--format", "json")
    found = json.loads(out)
    assert found["value"] == pytest.approx(35.12111861451067, abs=1e-13)
    assert found["gradient"] == pytest.approx({"x1": -0.1534656870722129, "x2": 11.987654320987655})


@pytest.mark.parametrize("words", [
    ["--at", "x1=2", "x2=5", AD1],
    [AD1, "--at", "x1=2", "x2=5"],
    [AD1, "--at", "x1=2", "--at", "x2=5"],
    [AD1, "--at", "x1=2, x2=5"],
    [AD1, "--at", "x1=2 x2=5"],
    [AD1, "--at=x1=2", "x2=5"],
    ["--at", "x1=2", "x2=5", "--dtype", "float64", AD1],
    ["--at", "x1=2", "x2=5", "--", AD1],
])
def test_values_may_be_given_in_every_usual_way(call, words):
    assert call("run", *words) == (OK, "y = 11.652071455223084\n", "")


@pytest.mark.parametrize(("given", "want"), [
    ("2", 2), ("-0.5", -0.5), ("1/4", 0.25), ("pi/2", 1.5707963267948966), ("sqrt(4)", 2),
    ("−3", -3), ("2^3^2", 512), ("1e3", 1000), (".5", 0.5), ("(1+2)*3", 9), ("max(1, 2)", 2),
])
def test_a_value_is_a_number_or_an_expression_of_numbers(call, given, want):
    _, out, _ = call("run", "y = x", "--at", f"x={given}", "--format", "json")
    assert json.loads(out)["value"] == want


def test_lists_are_arrays(call):
    _, out, _ = call("grad", "y = sum(i,j) A[i,j]^2 * max(u[i], 0)", "--at", "A=[[1,2],[3, 1/2]]",
                     "u=[1, max(2, 3)]", "--format", "json")
    assert json.loads(out)["gradient"]["A"] == [[2, 4], [18, 3]]


def test_run_gives_several_outputs_by_name(call):
    _, out, _ = call("run", "y = 2*x; z = 3*x", "--at", "x=1", "--format", "json")
    assert json.loads(out) == {"schema": 1, "values": {"y": 2.0, "z": 3.0}}
    code, _, err = call("grad", "y = 2*x; z = 3*x", "--at", "x=1")
    assert code == USAGE
    assert "2 outputs" in err
    assert call("grad", "y = 2*x; z = 3*x", "--at", "x=1", "--of", "z")[1] == (
        "z = 3.0\ngradient[x] = 3.0\n")


def test_jacobians_hessians_and_given_adjoints(call):
    _, out, _ = call("grad", "y[i] = x[i]^2", "--at", "x=[1,2]", "--jacobian", "--format", "json")
    assert json.loads(out)["jacobian"] == {"x": [[2, 0], [0, 4]]}
    _, out, _ = call("grad", "y = a^2*b", "--at", "a=3", "b=5", "--hessian", "--format", "json")
    assert json.loads(out)["hessian"] == {"a": {"a": 10, "b": 6}, "b": {"a": 6, "b": 0}}
    _, out, _ = call("grad", "y[i] = x[i]^2", "--at", "x=[1,2]", "--seed", "y=[1, 10]")
    assert out == "y = [1.0, 4.0]\ngradient[x] = [2.0, 40.0]\n"
    assert call("grad", "y[i] = x[i]^2", "--at", "x=[1,2]")[0] == USAGE


def test_json_has_no_infinity(call):
    _, out, _ = call("run", "y = exp(x)", "--at", "x=1000", "--format", "json")
    assert json.loads(out)["value"] == "inf"


def test_a_matrix_is_printed_by_rows(call):
    _, out, _ = call("run", "y[i,j] = x[i]*x[j]", "--at", "x=[1,2]")
    assert out == "y = [[1.0, 2.0],\n     [2.0, 4.0]]\n"


@pytest.mark.parametrize("format", common.FORMATS)
def test_every_command_speaks_every_format(call, format):
    for words in (["trace", AD1, "--at", "x1=2", "x2=5"], ["run", AD1, "--at", "x1=2", "x2=5"],
                  ["grad", AD1, "--at", "x1=2", "x2=5"], ["show", AD1], ["functions"],
                  ["doctor"]):
        code, out, err = call(*words, "--format", format)
        assert (code, err) == (OK, "")
        assert out.endswith("\n")
        if format == "json":
            assert json.loads(out)["schema"] == 1
        if format == "html":
            assert out.startswith("<!DOCTYPE html>")


def test_a_trace_of_the_course_formula_has_its_rows(call):
    _, out, _ = call("trace", AD1, "--at", "x1=2", "x2=5", "--mode", "reverse", "--order", "level")
    assert "0.6931" in out
    assert "11.6521" in out
    assert "5.5" in out
    assert "1.7163" in out


@pytest.mark.parametrize("name", ["toy", "prelu", "residual", "mlp", "attention"])
def test_the_examples_are_traced(call, name):
    code, out, err = call("trace", EXAMPLES / f"{name}.toml")
    assert (code, err) == (OK, "")
    assert out


def test_a_file_brings_values_that_the_command_line_may_override(call):
    toy = EXAMPLES / "toy.toml"
    _, out, _ = call("run", toy)
    assert out == "y = 19.3\n"
    _, out, _ = call("run", toy, "--at", "W=[1,1,0,0]")
    assert out == "y = 14.0\n"
    _, out, _ = call("run", toy, "--index-number", "999999X")
    assert out != "y = 19.3\n"
    _, out, _ = call("grad", toy, "--seed", "y=1", "--wrt", "W", "--format", "json")
    assert json.loads(out)["gradient"] == {"W": [8, 6, -0.05, -0.05]}


def test_an_index_number_fills_the_input_x(call):
    _, out, _ = call("run", "y = sum(i,j) X[i,j]", "--index-number", "123456")
    assert out == "y = -10.0\n"
    assert call("run", "y = a", "--index-number", "123456")[0] == USAGE
    assert call("run", "y = sum(i,j) X[i,j]", "--index-number", "12345")[0] == USAGE


def test_formulas_are_read_from_standard_input_and_files(call, tmp_path):
    assert call("run", "-", "--at", "x=2", stdin="y = x^2\nz = y + 1\n")[1] == "z = 5.0\n"
    toml = "formula = 'y = x^2'\n[values]\nx = 3\n"
    assert call("run", "-", stdin=toml)[1] == "y = 9.0\n"
    file = tmp_path / "f.txt"
    file.write_text("y = x^2", encoding="utf-8")
    assert call("run", file, "--at", "x=4")[1] == "y = 16.0\n"
    code, _, err = call("run", tmp_path / "nothing.toml")
    assert code == USAGE
    assert "No such file" in err
    assert call("run", tmp_path)[0] == USAGE
    assert call("run", "-", stdin=b"y = \xff")[0] == USAGE


def test_output_goes_to_a_file_whose_suffix_tells_the_format(call, tmp_path):
    for suffix, start in ((".html", "<!DOCTYPE"), (".md", "#"), (".tex", "\\documentclass"),
                          (".json", "{"), (".txt", "Worked")):
        file = tmp_path / f"out{suffix}"
        assert call("trace", AD1, "--at", "x1=2", "x2=5", "-o", file) == (OK, "", "")
        assert file.read_text(encoding="utf-8").startswith(start)
    assert call("trace", AD1, "-o", tmp_path / "no" / "out.html")[0] == USAGE
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out.html", "out.json", "out.md", "out.tex", "out.txt"]


def test_show_prints_a_program_that_reads_back(call):
    _, out, _ = call("show", "z[n,u] = sum(v) W[u,v]*x[n,v] + b[u]")
    assert "# z[N, U]" in out
    code, again, _ = call("show", "-", stdin=out)
    assert (code, again) == (OK, out)
    _, out, _ = call("show", "label y[N] < K; L = -sum(n) ln(p[n,y[n]])", "--format", "json")
    assert json.loads(out)["inputs"][0] == {
        "name": "y", "shape": ["N"], "kind": "integer", "role": "data", "below": "K"}


def test_functions_come_from_the_table(call):
    _, out, _ = call("functions", "--format", "json")
    table = {f["name"]: f for f in json.loads(out)["functions"]}
    assert table["sigmoid"]["derivatives"] == {"x": "sigmoid(x)*(1 - sigmoid(x))"}
    assert table["relu"]["kinks"][0]["chosen"] == "0"
    code, _, err = call("functions", "sine")
    assert code == USAGE
    assert "did you mean sin" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(call, shell):
    code, out, _ = call("completion", shell)
    assert code == OK
    assert "_CHAINRULE_COMPLETE" in out


def test_completion_offers_commands():
    env = {**os.environ, "_CHAINRULE_COMPLETE": "bash_complete", "COMP_WORDS": "chainrule tr",
           "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "chainrule"], env=env, capture_output=True,
                          text=True, check=False)
    assert "trace" in done.stdout


def test_plot_draws_or_says_what_to_install(call, tmp_path):
    file = tmp_path / "p.svg"
    code, out, err = call("plot", "y = a*ln(x)", "--at", "a=2", "--over", "x=-1:3", "-o", file)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert code == USAGE
        assert "pip install 'chainrule[plot]'" in err
    else:
        assert (code, out, err) == (OK, "", "")
        assert "<svg" in file.read_text(encoding="utf-8")
    assert call("plot", "y = x", "--over", "x=1", "-o", file)[0] == USAGE
    assert call("plot", "y = x", "--over", "x=2:1", "-o", file)[0] == USAGE
    assert call("plot", "y = x", "--over", "x=0:1", "-o", tmp_path / "p.exe")[0] == USAGE


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("formula", "code", "place"), [
    ('__import__("os").system("id")', USAGE, '"'),
    ("().__class__", USAGE, "."),
    ("y = ().__class__", USAGE, "."),
    ("y = 9**9**9", REFUSED, "9**9**9"),
    ("y = 1/2x", USAGE, "1/2x"),
    ("y = x\u202e+1", USAGE, "<U+202E>"),
    ("y = １", USAGE, "１"),
    ("y = sine(x)", USAGE, "sine"),
    ("y = ln(-x)", USAGE, "ln(-x)"),
    ("y = 1/(x-3)", USAGE, "1/(x-3)"),
    ("y = sin(x", USAGE, "("),
    ("y = x; y = 2", USAGE, "y = 2"),
])
def test_an_error_is_one_paragraph_with_the_place_underlined(call, formula, code, place):
    start = time.process_time()
    found, out, err = call("trace", formula, "--at", "x=3")
    assert time.process_time() - start < 1
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    lines = err.rstrip("\n").split("\n")
    assert len(lines) <= 4
    under = next(k for k, line in enumerate(lines) if line.strip() and set(line.strip()) == {"^"})
    assert place in lines[under - 1]


@pytest.mark.parametrize(("formula", "want"), [
    ("y = -x^2", "y = -9.0\n"), ("y = 2^3^2 + 0*x", "y = 512.0\n"),
    ("lambda = x; y = 2*lambda", "y = 6.0\n"), ("y = 2x", "y = 6.0\n"),
    ("y = x² + |−x|", "y = 12.0\n"),
])
def test_what_looks_odd_and_is_fine(call, formula, want):
    assert call("run", formula, "--at", "x=3") == (OK, want, "")


@pytest.mark.parametrize("text", [
    "y = " + "(" * 50_000 + "x" + ")" * 50_000, "y = " + "-" * 100_000 + "x",
    "y = " + "1" * 1_000_000, "y = x" + "+x" * 100_000, "y = x" * 100_000,
])
def test_huge_text_is_refused_at_once_as_an_argument_and_as_a_file(call, text):
    for words, stdin in ((["run", text], None), (["run", "-"], text)):
        start = time.process_time()
        code, out, err = call(*words, stdin=stdin)
        assert time.process_time() - start < 1
        assert code in (USAGE, REFUSED)
        assert out == ""
        assert len(err) < 1000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read there")
def test_a_hostile_formula_takes_little_memory(tmp_path):
    file = tmp_path / "deep.txt"
    file.write_text("y = " + "(" * 1_000_000, encoding="utf-8")
    # not getrusage: what it calls the child's peak may be the parent's, from before the fork
    code = ("import sys; from chainrule.cli import main; code = main(sys.argv[1:]);"
            "lines = open('/proc/self/status').read().splitlines();"
            "print(code, next(line.split()[1] for line in lines if line.startswith('VmHWM')))")
    done = subprocess.run([sys.executable, "-c", code, "trace", str(file)], capture_output=True,
                          text=True, check=True)
    found, kilobytes = map(int, done.stdout.split())
    assert found == REFUSED
    assert kilobytes < 200_000


@pytest.mark.parametrize("given", [
    "x", "=3", "x=", "x=[", "x=[1,2", "x=[1]]", "x=[1,,2]", "x=[1 [2]]", "x=[[1] 2]", "x=[[1],2",
    "x=foo", "x=1,5", "x=1/0", "x=ln(-1)", "x=nan", "x=3 x=4", "z=3", "x=[[1,2],[3]]", "x=[1,2]",
    "x=1e999999", "x=9**9**9", "x=" + "[" * 50_000, "x=" + "1" * 100_000, "x=" + "(" * 20_000,
    "x=\u202e3",
])
def test_a_value_that_is_none_is_refused(call, given):
    code, out, err = call("run", "y = 2*x", "--at", given)
    assert code in (USAGE, REFUSED)
    assert out == ""
    assert err.startswith("error: ")
    assert len(err) < 1000


@pytest.mark.parametrize("words", [
    ["frobnicate"], ["trace"], ["run", ""], ["show", " # nothing"], ["show", "input x"],
    ["trace", "--mode", "sideways", "y=x"], ["run", "-x^2"],
    ["run", "y", "=", "x"], ["trace", "y=x", "--digits", "99"], ["completion", "tcsh"],
    ["grad", "y=x", "--at", "x=1", "--hessian", "--seed", "y=1"], ["--nonsense"],
    ["trace", "y=x", "--wrt", "q", "--at", "x=1"], ["grad", "y=x", "--of", "q", "--at", "x=1"],
])
def test_wrong_use_ends_with_2(call, words):
    code, out, err = call(*words)
    assert (code, out) == (USAGE, "")
    assert err


def test_an_unknown_command_gets_a_suggestion(call):
    assert "Did you mean trace?" in call("tarce")[2]
    assert "chainrule trace" in call("y = x^2")[2]


def test_a_bug_ends_with_70_and_a_traceback_only_when_asked(call, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("something broke")

    monkeypatch.setattr(common, "source", broken)
    code, out, err = call("run", "y = x")
    assert (code, out) == (BUG, "")
    assert "something broke" in err
    assert "Traceback" not in err
    assert "Traceback" in call("run", "y = x", "--debug")[2]


def test_an_interruption_ends_with_130(call, monkeypatch):
    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(common, "source", interrupted)
    assert call("run", "y = x")[0] == INTERRUPTED


def test_a_doctor_that_finds_something_ends_with_1(call, monkeypatch):
    from chainrule.cli import doctor

    monkeypatch.setattr(doctor, "_self_test", lambda: "wrong")
    assert call("doctor")[0] == FINDINGS


def test_an_error_leaves_the_old_file_as_it_was(call, tmp_path):
    file = tmp_path / "out.html"
    file.write_text("old", encoding="utf-8")
    assert call("trace", "y = ln(x)", "--at", "x=-1", "-o", file)[0] == USAGE
    assert file.read_text(encoding="utf-8") == "old"


def test_a_reader_that_leaves_early_is_no_error():
    command = f"{sys.executable} -m chainrule functions | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_colour_is_for_terminals_without_no_color(monkeypatch, capsys):
    from chainrule.document.blocks import document, heading

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    page = document("t", heading(1, "h"))
    common.emit_document(page, None, None)
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    common.emit_document(page, None, None)
    assert "\x1b[" not in capsys.readouterr().out


def test_help_is_quick_and_loads_neither_numpy_nor_commands():
    code = ("import sys, chainrule.cli as c; c.main(['--help']);"
            "bad = {'numpy', 'mpmath', 'chainrule.lang.parse', 'chainrule.cli.trace'};"
            "assert not bad & set(sys.modules), bad & set(sys.modules)")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.perf_counter() - start < 4  # a quiet machine takes 0.1


def test_a_trace_of_scalars_loads_no_numpy():
    code = ("import sys; from chainrule.cli import main;"
            f"main(['trace', {AD1!r}, '--at', 'x1=2', 'x2=5']); assert 'numpy' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("name", list(package.COMMANDS))
def test_every_command_explains_itself(name):
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_writing_to_a_device_goes_through():
    common.write_file(os.devnull, b"x")
    with pytest.raises(InputError):
        common.write_file("/", b"x")


def test_the_demo_works_and_says_where_it_wrote(tmp_path):
    demo = EXAMPLES / "demo.py"
    env = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run([sys.executable, str(demo)], cwd=tmp_path, env=env, capture_output=True,
                          text=True, check=True)
    assert str(tmp_path / "chainrule-demo") in done.stdout
    pages = sorted((tmp_path / "chainrule-demo").glob("*.html"))
    assert [p.stem for p in pages] == [
            "checked", "convolution", "derivation", "formula-1", "formula-2", "lenet5", "prelu",
            "proof", "toy"]


# --- streams, options that contradict each other, names that are not there ------------------------


def shell(command, **environment):
    """A command line run by a shell, `chainrule` standing for this one."""
    command = command.replace("chainrule", f"{sys.executable} -m chainrule")
    done = subprocess.run(command, shell=True, capture_output=True, check=False,
                          env={**os.environ, **environment}, cwd=EXAMPLES.parent)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize("words", ["trace 'y=x^2' --at x=1", "--help", "functions",
                                   "show 'y=x'"])
def test_a_full_disk_is_said_plainly(words):
    code, _, err = shell(f"chainrule {words} >/dev/full")
    assert code == USAGE
    assert err == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes streams")
def test_closed_streams_are_said_plainly():
    code, _, err = shell("chainrule run - --at x=1 <&-")
    assert code == USAGE
    assert "Standard input is closed" in err
    code, _, err = shell("chainrule run 'y=x' --at x=1 >&-")
    assert code == USAGE
    assert "cannot be written" in err
    assert shell("chainrule run 'y=' 2>&-")[0] == USAGE


def test_output_is_utf_8_whatever_the_locale_says():
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}):
        code, out, err = shell("chainrule trace 'y=x^2' --at x=1", **environment)
        assert (code, err) == (OK, "")
        assert "═════" in out
        assert "?" not in out


@pytest.mark.parametrize(("words", "option"), [
    (["--mode", "forward", "--seed", "y=2"], "--seed"),
    (["--mode", "reverse", "--tangent", "x=2"], "--tangent"),
])
def test_what_the_mode_would_not_use_is_refused(call, words, option):
    code, out, err = call("trace", "y = x^2", "--at", "x=1", *words)
    assert (code, out) == (USAGE, "")
    assert f"{option} is of no use" in err
    assert "--mode both" in err


def test_an_index_number_does_not_fill_another_letter(call, tmp_path):
    code, _, err = call("trace", "y=x^2", "--index-number", "180631")
    assert code == USAGE
    assert "there is no input X for --index-number" in err
    file = tmp_path / "rule.toml"
    file.write_text('formula = "y = sum(i,j) q[i,j]"\n[values]\n'
                    'q = { index-number = "180631" }\n', encoding="utf-8")
    assert call("run", file, "--index-number", "123456")[1] == "y = -10.0\n"


def test_a_suffix_that_tells_no_format_is_refused(call, tmp_path):
    file = tmp_path / "a.xyz"
    for command in ("trace", "run", "grad"):
        code, _, err = call(command, "y=x^2", "--at", "x=1", "-o", file)
        assert code == USAGE
        assert "--format" in err
        assert not file.exists()
    assert call("trace", "y=x^2", "--format", "json", "-o", file)[0] == OK
    assert call("trace", "y=x^2", "-o", tmp_path / "plain")[0] == OK


def test_numbers_are_decimal(call):
    for given in ("0x10", "0b10000", "0o20"):
        code, _, err = call("run", "y = x", "--at", f"x={given}")
        assert code == USAGE
        assert "write 16: numbers are decimal" in err
        assert "^" * len(given) in err
    assert "write -16" in call("run", "y = x", "--at", "x=-0x10")[2]
    assert call("run", "y = x", "--at", "x=0x" + "f" * 9_000)[0] in (USAGE, REFUSED)


def test_a_value_beyond_floats_has_a_place_and_a_hint(call):
    for words in (["run", "y = 2*x", "--at", "x=1e400"],
                  ["grad", "y = 2*x", "--at", "x=[1,-1e400]"],
                  ["grad", "y = 2*x", "--at", "x=1", "--seed", "y=1e400"]):
        code, _, err = call(*words)
        assert code == USAGE
        assert "too large for a float" in err
        assert "1e400" in err
        assert "1.8e308" in err
    assert call("run", "y = x", "--at", "x=1.7976931348623157e308")[0] == OK
    assert call("trace", "y = x", "--at", "x=1e400")[0] == OK


def test_several_outputs_want_the_option_of(call):
    for kind in ([], ["--jacobian"], ["--hessian"]):
        code, _, err = call("grad", "y = 2*x; z = 3*x", "--at", "x=1", *kind)
        assert code == USAGE
        assert "--of y, --of z" in err


@pytest.mark.parametrize("command", ["trace", "grad"])
def test_a_seed_for_an_unknown_output_says_which_there_are(call, command):
    code, _, err = call(command, "u = 2*x; w = u", "--at", "x=1", "--seed", "q=2")
    assert code == USAGE
    assert "--seed q" in err
    assert "its outputs are w" in err


def test_a_tangent_for_an_unknown_input_says_which_there_are(call):
    code, _, err = call("trace", "y = 2*x", "--at", "x=1", "--tangent", "q=2")
    assert code == USAGE
    assert "--tangent q" in err
    assert "its inputs are x" in err


def test_a_row_of_a_trace_may_have_an_adjoint(call):
    assert call("trace", AD1, "--at", "x1=2", "x2=5", "--seed", "v1=1")[0] == OK


@pytest.mark.parametrize(("table", "name", "says"), [
    ("values", "q", "its inputs are x"), ("values", "y", "takes no value"),
    ("seed", "q", "its outputs are y"), ("tangent", "y", "its inputs are x"),
])
def test_an_unknown_name_in_a_file_has_its_line(call, tmp_path, table, name, says):
    file = tmp_path / "f.toml"
    file.write_text(f"formula = 'y = x^2'\n\n[{table}]\n{name} = 1\n", encoding="utf-8")
    for command in ("trace", "run", "grad"):
        code, out, err = call(command, file, "--at", "x=1")
        assert (code, out) == (USAGE, "")
        assert "f.toml, line 4: " in err
        assert f"  {name} = 1\n  ^\n" in err
        assert says in err
