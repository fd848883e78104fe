r"""Spellings that say the same, brought to one: {a \over b}, \delta{_k}, \mathbb{1}(y = k).

These are done on the tokens of a formula, before anything is read: a group that holds nothing but a
script is the script, what stands around `\over` is a fraction, and a one with a condition behind it
is the bracket that is 1 where the condition holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chainrule.check.read.slices import SPAN, closing, sliced
from chainrule.check.read.tokens import Token

_INDICES: Final = frozenset("ijklmnpqrst")
_GREEK: Final = frozenset(
    ("theta", "alpha", "beta", "gamma", "sigma", "omega", "lambda", "mu", "phi", "delta"))


def rewritten(tokens: list[Token]) -> list[Token]:
    """The tokens with these spellings brought to one."""
    texts = {t.text for t in tokens}
    if "over" in texts:
        tokens = _fractions(tokens)
    if "_" in texts or "^" in texts:
        tokens = _scripts(tokens)
    if "_" in texts or "[" in texts:
        tokens = sliced(tokens)
    if any(t.kind == "num" for t in tokens):
        tokens = _numbered(tokens)
    if "delta" in texts:
        tokens = _deltas(tokens)
    if any(t.kind == "rel" or t.text == "in" for t in tokens) and not texts.isdisjoint("1I"):
        tokens = _indicators(tokens)
    return tokens


def _fractions(tokens: list[Token]) -> list[Token]:
    r"""{a \over b} as \frac{a}{b}; without braces all that stands there."""
    for _ in range(60):
        at = next((k for k, t in enumerate(tokens) if t.kind == "cmd" and t.text == "over"), None)
        if at is None:
            return tokens
        start, depth = at, 0
        while start > 0 and at - start < SPAN:
            kind = tokens[start - 1].kind
            if depth == 0 and kind in ("{", "rel", "amp", "break"):
                break
            depth += (kind == "}") - (kind == "{")
            start -= 1
        end, depth = at + 1, 0
        while end < len(tokens) and end - at < SPAN:
            kind = tokens[end].kind
            if depth == 0 and kind in ("}", "rel", "amp", "break"):
                break
            depth += (kind == "{") - (kind == "}")
            end += 1
        over = tokens[at]
        opened, closed = (replace(over, kind=kind, text=kind) for kind in "{}")
        tokens = [*tokens[:start], replace(over, text="frac"), opened, *tokens[start:at], closed,
                  opened, *tokens[at + 1 : end], closed, *tokens[end:]]
    return tokens


def _scripts(tokens: list[Token]) -> list[Token]:
    r"""\delta{_k} as \delta_k: a group that begins with the sign of a script is no group."""
    dropped: set[int] = set()
    for k, token in enumerate(tokens[:-2]):
        behind = tokens[k + 1]
        script = behind.kind == "op" and behind.text in "_^"
        if token.kind != "{" or not script or (k and tokens[k - 1].text in ("_", "^")):
            continue
        end = closing(tokens, k)
        if end > k + 2 and (k or end + 1 < len(tokens)):
            dropped |= {k, end}
    return [t for k, t in enumerate(tokens) if k not in dropped] if dropped else tokens


def _numbered(tokens: list[Token]) -> list[Token]:
    """w5 as w_5: nobody writes a factor behind a letter like that."""
    found: list[Token] = []
    below: list[int] = []  # where the groups of scripts end that are open
    for k, token in enumerate(tokens):
        while below and k > below[-1]:
            below.pop()
        before = tokens[k - 1] if k else token
        if token.kind == "{" and k and tokens[k - 1].text in ("_", "^"):
            below.append(closing(tokens, k))
        letter = before.kind == "sym" and (before.text in _GREEK or (
            len(before.text) == 1 and before.text.isalpha())) and (
            before.text not in "de" and before.end == token.start and not token.gap)
        numbered = (token.kind == "num" and letter and not below and token.text.isdigit()
                    and len(token.text) < 3)
        script = tokens[k - 2].text if k > 1 else ""
        numbered = numbered and script not in ("frac", "binom", "sqrt")  # \frac u2
        if numbered and script == "_":  # E_y1 as E_{y1}
            opened, closed = (replace(token, kind=c, text=c, end=token.start) for c in "{}")
            found[-1:] = [opened, found[-1], token, closed]
            continue
        if numbered and script != "^":
            found.append(replace(token, kind="op", text="_", end=token.start))
        found.append(token)
    return found


def _deltas(tokens: list[Token]) -> list[Token]:
    r"""\delta{ik} as \delta_{ik}."""
    found: list[Token] = []
    for k, token in enumerate(tokens):
        before = tokens[k - 1] if k else token
        inside = tokens[k + 1 : k + 3]
        if (token.kind == "{" and before.kind == "sym" and before.text == "delta"
                and len(inside) == 2 and all(t.text in _INDICES for t in inside)
                and tokens[k + 3 : k + 4] and tokens[k + 3].kind == "}"):  # fmt: skip
            found.append(replace(token, kind="op", text="_"))
        found.append(token)
    return found


def _indicators(tokens: list[Token]) -> list[Token]:
    r"""\mathbb{1}(y = k), 1\{y = k\}, I[y = k], \mathbf{1}_{y = k} as 1 [y = k]."""
    found = list(tokens)
    k = 0
    while k + 2 < len(found):
        token, at = found[k], k + 1
        if token.text not in ("1", "I") or token.kind not in ("sym", "num"):
            k += 1
            continue
        below = found[at].kind == "op" and found[at].text == "_" and found[at + 1].kind == "{"
        opens = found[at].kind == "open" and found[at].text in ("(", "[", "{")
        plain = token.kind == "num" and not token.bold
        before = found[k - 1] if k else None
        numeral = plain and before is not None and (
            before.kind in ("num", "sep") or before.text in ("_", "^", "."))
        if numeral or not (below or opens) or (
                plain and opens and (found[at].text == "(" or found[at].gap)):
            k += 1
            continue
        first = at + below
        end = closing(found, first)
        held = end > 0 and any(t.kind == "rel" or t.text == "in" for t in found[first + 1 : end])
        if not held or any(t.kind == "sep" and t.text == ";" for t in found[first:end]):
            k += 1
            continue
        found[k] = replace(token, kind="num", text="1", bold=False)
        found[first] = replace(found[first], kind="open", text="[")
        found[end] = replace(found[end], kind="close", text="]")
        inner = found[first + 1 : end]
        doubled = below and inner[:1] and inner[0].kind in ("open", "{") and closing(
            inner, 0) == len(inner) - 1
        if doubled:  # 1_{\{y = k\}}
            del found[end - 1], found[first + 1]
        if below:
            del found[at]
        k += 1
    return found


__all__ = ["closing", "rewritten"]
