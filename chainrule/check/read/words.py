"""The words of papers' mathematics: letters, relations, functions, and what only moves things."""

from __future__ import annotations

import unicodedata
from typing import Final

from chainrule.lang.latex_tokens import GREEK, SPELLINGS, words
from chainrule.lang.latex_words import GREEK_CHARACTERS

MARKS: Final = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307",
                "ddot": "\u0308", "check": "\u030c", "breve": "\u0306", "acute": "\u0301",
                "grave": "\u0300", "mathring": "\u030a"}  # fmt: skip
COMBINING: Final = frozenset(MARKS.values())

# relations, as claims and trees spell them: the sign in a claim, the sign in a tree
RELATIONS: Final = {
    "=": "=", "equiv": "≡", ":=": "≡", "coloneqq": "≡", "triangleq": "≡", "doteq": "≡",
    "neq": "≠", "<": "<", ">": ">", "leq": "≤", "geq": "≥", "ll": "<", "gg": ">",
    "approx": "≈", "simeq": "≈", "cong": "≈", "sim": "∝", "propto": "∝", "==": "=",
    "iff=": "=", "lesssim": "≤", "gtrsim": "≥", "=:": "=:", "eqqcolon": "=:", "eqcolon": "=:",
}  # fmt: skip
IN_TREES: Final = {"=": "==", "≡": "==", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">=",
                   "≈": "~~", "∝": "~", "→": "->", "=:": "=="}  # fmt: skip
ARROWS: Final = frozenset({"to", "rightarrow", "longrightarrow", "mapsto", "xrightarrow"})
IMPLIES: Final = frozenset({
    "Rightarrow", "Longrightarrow", "implies", "Leftrightarrow", "iff", "Longleftrightarrow",
    "therefore", "because", "leadsto", "rightsquigarrow", "Leftarrow", "impliedby"})
ASIDE: Final = frozenset({  # arrows that point at a note, or only lead the eye
    "leftarrow", "gets", "longleftarrow", "swarrow", "searrow", "nearrow", "nwarrow", "Downarrow",
    "Uparrow", "downarrow", "uparrow", "leftrightarrow", "xleftarrow", "hookleftarrow",
    "curvearrowright"})

FUNCTIONS: Final = words(
    "log ln lg exp sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan asin acos atan "
    "max min argmax argmin sup inf det tr Tr trace diag softmax Softmax log_softmax logsoftmax "
    "LogSoftmax logit sigmoid Sigmoid logistic relu ReLU Relu RELU LReLU LRelu lrelu leakyrelu "
    "LeakyReLU LeakyRelu leaky_relu PReLU PRelu prelu ELU elu GELU gelu SiLU silu swish softplus "
    "Softplus sign sgn sqrt abs norm floor ceil round sum mean var Var Pr vec rank dim step "
    "heaviside Heaviside maxpool MaxPool Maxpool hardtanh erf mod conv pool "
    "logsumexp LogSumExp onehot log2 log10 log1p expm1 atan2")
DIGITED: Final = words("log2 log10 log1p expm1 atan2")
TIGHT: Final = words(  # take what follows even without a bracket
    "log ln lg exp sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan asin acos "
    "atan det tr Tr trace diag max min sup inf argmax argmin sgn sign softmax erf log2 log10")
REDUCES: Final = {"max": "max", "min": "min", "argmax": "argmax", "argmin": "argmin",
                  "sup": "max", "inf": "min"}  # fmt: skip
BIG: Final = {"sum": "sum", "prod": "prod", "bigcup": "union", "bigoplus": "sum",
              "bigodot": "prod"}  # fmt: skip
TIMES: Final = {"cdot": "dot", "times": "*", "odot": "odot", "*": "*", "/": "/", "div": "/",
                "circ": "odot", "otimes": "otimes", "star": "*", "ast": "*", "bullet": "dot",
                "@": "dot", ".*": "odot"}  # fmt: skip
LETTERS: Final = frozenset(GREEK) | {"ell", "infty", "hbar", "imath", "jmath", "emptyset", "Re",
                                     "Im", "aleph", "top", "perp"}  # fmt: skip
CHARACTERS: Final = {name: char for name, char in GREEK_CHARACTERS.items()}
FONTS: Final = words(
    "mathbf boldsymbol bm pmb vec mathit mathcal mathscr mathfrak mathbb mathds mathsf mathtt "
    "overrightarrow underline overline boxed fbox framebox colorbox mathstrut cancel bcancel "
    "xcancel mathnormal bf rm it displaystyle underbar")
BOLD: Final = words("mathbf boldsymbol bm pmb vec overrightarrow mathbb mathds")
TEXT: Final = words("text textrm textit textbf textsf texttt mbox hbox mathrm operatorname "
                        "textnormal emph textsc operatorname* mathop textup")
SKIPPED: Final = words(
    ", : ; ! > displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag "
    "big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm biggm Biggm left "
    "right middle thinspace enspace noindent medspace thickspace negthinspace hfill allowbreak "
    "relax bf rm it mathstrut strut centering small large Large hline footnotesize normalsize "
    "checkmark square blacksquare qed qedhere Box tfrac@ hrule par smallskip medskip bigskip "
    "displaylimits toprule midrule bottomrule nobreak scriptsize tiny")
DROPPED: Final = {"label": 1, "tag": 1, "tag*": 1, "hspace": 1, "hspace*": 1, "vspace": 1,
                  "phantom": 1, "vphantom": 1, "hphantom": 1, "color": 1, "eqref": 0, "ref": 1,
                  "cite": 1, "textcircled": 1, "circled": 1, "cline": 1, "renewcommand": 2,
                  "textcolor": 1, "intertext@": 1, "mspace": 1, "kern": 0, "rule": 2,
                  "includegraphics": 1, "raisebox": 1}  # fmt: skip
TRANSPARENT: Final = words(
    "equation equation* align align* aligned gather gather* gathered split multline multline* "
    "displaymath math eqnarray eqnarray* flalign flalign* alignat alignat* alignedat "
    "center flushleft multlined")
MATRICES: Final = {"matrix": "", "pmatrix": "(", "bmatrix": "[", "Bmatrix": "{", "vmatrix": "|",
                   "Vmatrix": "|", "array": "", "smallmatrix": "", "tabular": "",
                   "psmallmatrix": "(", "bsmallmatrix": "["}  # fmt: skip
CASES: Final = frozenset({"cases", "dcases", "rcases", "cases*", "numcases"})

SPELLED: Final = {k: v for k, v in SPELLINGS.items() if v in GREEK | LETTERS} | {
    "le": "leq", "ge": "geq", "ne": "neq", "leqslant": "leq", "geqslant": "geq", "lt": "<",
    "gt": ">", "leqq": "leq", "geqq": "geq", "lbrack": "[", "rbrack": "]", "lparen": "(",
    "rparen": ")", "colon": ":", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac",
    "sfrac": "frac", "nicefrac": "frac", "dotsc": "dots", "ldots": "dots", "cdots": "dots",
    "dotsb": "dots", "vdots": "dots", "ddots": "dots", "dotsm": "dots", "prime": "'",
    "intercal": "top", "mathchar": "", "widehat": "hat", "widetilde": "tilde", "iint": "int",
    "oint": "int", "land": "wedge", "lor": "vee", "vert": "|", "lvert": "|", "rvert": "|",
    "pm": "±", "mp": "∓", "parallel": "||", "mid": "|", "Vert": "||", "lVert": "||",
    "rVert": "||", "|": "||", "longmapsto": "mapsto",
    "ni": "in", "owns": "in", "setminus": "setminus", "smallsetminus": "setminus",
    "backslash": "setminus", "newline": "\\", "cr": "\\", "tabularnewline": "\\",
    "thereforee": "therefore", "doublebarwedge": "", "dag": "dagger", "textasciicircum": "^",
    "textquotesingle": "'", "dprime": "'", "lbrace": "{", "rbrace": "}",
    "langle": "⟨", "rangle": "⟩",
    "eq": "=", "vb": "mathbf", "va": "mathbf", "vu": "mathbf",
    "vectorbold": "mathbf", "mat": "mathbf",
}  # fmt: skip

UNICODE: Final = {
    "−": "-", "–": "-", "—": "-", "·": "cdot", "⋅": "cdot", "×": "times", "⊙": "odot",
    "∘": "odot", "÷": "div", "≤": "leq", "≥": "geq", "≠": "neq", "≡": "equiv", "≈": "approx",
    "∝": "propto", "∈": "in", "∑": "sum", "Σ": "Sigma", "√": "sqrt", "‖": "||", "…": "dots",
    "⋯": "dots", "′": "'", "’": "'", "ʹ": "'", "∂": "partial", "∏": "prod", "∫": "int",
    "∀": "forall", "∧": "wedge", "∨": "vee", "ᵀ": "^T", "⊤": "top", "∞": "infty", "ℓ": "ell",
    "∇": "nabla", "→": "to", "⟶": "to", "⇒": "Rightarrow", "⟹": "Rightarrow", "⇔": "iff",
    "∴": "therefore", "∵": "because", "←": "leftarrow", "↓": "Downarrow", "⇓": "Downarrow",
    "↑": "Uparrow", "⇑": "Uparrow", "↙": "swarrow", "↘": "searrow", "≔": "coloneqq",
    "⊗": "otimes", "≃": "approx", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil",
    "∣": "|", "∖": "setminus", "∗": "*", "＝": "=", "∕": "/", "∉": "notin", "↦": "mapsto",
    "•": "cdot", "⟨": "⟨", "⟩": "⟩", "〈": "⟨", "〉": "⟩",
    "ϵ": "epsilon", "ϑ": "theta", "ϕ": "phi", "µ": "mu", "∆": "Delta",
    "±": "±", "∓": "∓", "∥": "||", "⩽": "leq", "⩾": "geq", "∼": "sim", "≜": "triangleq",
}  # fmt: skip
GREEK_NAMES: Final = {char: name for name, char in GREEK_CHARACTERS.items()} | {
    "ς": "sigma", "ϱ": "rho"}
VULGAR: Final = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8",
                 "⅙": "1/6", "⅒": "1/10"}  # fmt: skip
UNITS: Final = words("cm mm m km s ms min h kg g px pixel pixels Hz bit bits byte bytes points")
RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺⁽⁾ⁿⁱˡᵏʲᵐᵗˣʸᵃᵇᶜᵈᵉʰˢ"
RAISED_AS: Final = "0123456789-+()nilkjmtxyabcdehs"
LOWERED: Final = "₀₁₂₃₄₅₆₇₈₉₋₊₍₎ₙᵢⱼₖₐₓₘₜₗₕₑₒₚₛᵣᵤᵥᵧᵦ"
LOWERED_AS: Final = "0123456789-+()nijkaxmtlheopsruvγβ"


def accented(name: str, mark: str) -> str:
    r"""A name under an accent, as one name: z̄ for \bar z, ω̃ for \tilde\omega.

    >>> accented("z", "bar"), accented("omega", "tilde")
    ('z̄', 'ω̃')
    """
    letter = GREEK_CHARACTERS.get(name, name)
    if len(letter) == 1:
        return unicodedata.normalize("NFC", letter + MARKS[mark])
    return f"{name}_{mark}"


OPENERS: Final = words("if for when where otherwise else with since because as and or so then "
                           "hence thus therefore let assume given suppose but while "
                           "whenever provided unless at only")  # fmt: skip
CONDITIONS: Final = words("if for when whenever unless provided")
