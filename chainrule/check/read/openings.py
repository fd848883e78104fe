"""What the words before a formula make of it: a condition, a definition, something given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from chainrule.check.paper import Block, Formula, Grid, Paper, Words
from chainrule.check.read.macros import macros_of
from chainrule.check.read.numerals import SPACED
from chainrule.check.read.tokens import Budget, Habits
from chainrule.check.read.words import OPENERS

_CONDITION: Final = re.compile(
    r"(?:\b(?:if|when|whenever|unless|provided(?:\s+that)?|as\s+long\s+as|in\s+case|suppose(?:\s+that)?)"
    r"(?:\s+we\s+have)?|\bfor(?:\s+(?:all|any|every|each|the\s+case|case))?|\bin\s+(?:the\s+)?case(?:\s+of)?"
    r"|\bcase(?:\s+(?:of|when|where))?|当(?:且仅当)?|若|如果|假如|\b(?:si|cuando|wenn|falls|für|quand|"
    r"lorsque|se|quando))[\s(:,–—（：，-]*\Z", re.IGNORECASE)
_CASE: Final = re.compile(
    r"(?:^|[\n.:;(•*-]\s{0,9})\s{0,9}cases?\s{0,3}(?:\d{1,2}|[ivx]{1,4}|[a-d])?"
    r"\s{0,3}[.:)–—-]?\s{0,3}(?:\(|if|when|where|for)?\s{0,9}\Z", re.IGNORECASE)
_EXCEPT: Final = re.compile(r"\bexcept(?:\s+(?:when|if|for|where))?[\s(]*\Z", re.IGNORECASE)
_WHERE: Final = re.compile(r"(?:\b(?:where|with|whereby|wherein|donde|wobei|mit|où|avec|onde|com)|"
                          r"其中)[\s:,(：，]*\Z", re.IGNORECASE)
_LET: Final = re.compile(
    r"(?:\b(?:let|let's\s+say|denote(?:\s+by)?|define|we\s+define|put|write|introduce|"
    r"call|abbreviate|sea|sean|sei|seien|soit|seja)(?:\s+(?:us\s+)?(?:define|denote|also|now|the\s+\w+|a|an))?|令|设|记)[\s:,(：，]*\Z",
    re.IGNORECASE)
_DEFINED: Final = re.compile(
    r"(?:\bdefinitions?\b[^.]{0,60}|(?<!can be )(?<!alternatively )\bdefined\s+(?:as|by)|"
    r"\b(?:use|using|uses)\s+the\s+(?:expression|formula|equation|definition|relation))[\s:,]*\Z",
    re.IGNORECASE)
_GIVEN: Final = re.compile(
    r"\b(?:assum(?:e|ing|ption)|suppos(?:e|ing)|given|setting|set|taking|at|are\s+given|"
    r"we\s+know(?:\s+that)?|we\s+have\s+been\s+given|known|plugging\s+in|substituting|"
    r"initiali[sz]ed\s+as|values?\s+are)(?:\s+that|\s+the\s+values?|\s+by|\s+as)?[\s:,⇒→-]*\Z",
    re.IGNORECASE)
_RESTATED: Final = re.compile(
    r"(?:(?<!we )(?<!I )(?<!can )(?<!to )\b(?:show|prove|verify|derive|demonstrate|check)\s+that\b"
    r"|(?:^|[.:;]\s{1,3}|\A\s*(?:\([^()]{0,20}\)\s*)?)(?:calculate|compute|find|determine|evaluate|"
    r"work\s+out|derive|complete|show|prove|express|fill)\b(?!\s+(?:this|the\s+above)\s+we))"
    r"[^.?!]*\Z", re.IGNORECASE)
_RECALL: Final = re.compile(r"\b(?:recall|remember|note|notice|nb|n\.b\.|hint|reminder)"
                            r"(?:\s+that)?\s*:?\s*\Z", re.IGNORECASE)
_SINCE: Final = re.compile(r"\b(?:since|because|as)[\s:,(]*\Z", re.IGNORECASE)
_LISTED: Final = re.compile(r"\s*(?:,|and|or|,\s*and|;|&)\s*\Z", re.IGNORECASE)
_TAIL: Final = re.compile(
    r"\s*[,;(]?\s*(?:(?:and\s+)?(?:only\s+)?(?:if|when|where|whenever|unless|with|except(?:\s+(?:when|if|"
    r"for|where))?|for(?:\s+(?:all|any|every|each))?|provided(?:\s+that)?|given(?:\s+that)?))"
    r"[\s(]*\Z", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[.?!](?=\s)\s*(?=[A-Z(\"“*])|\n")
IS: Final = re.compile(r"\b(?:is|are|was|equals|becomes|gives|yields|is\s+equal\s+to|comes\s+to|"
                       r"results\s+in|is\s+given\s+by|as)\s*:?\s*\Z", re.IGNORECASE)
IS_FIRST: Final = re.compile(
    r"\s*(?:is|are|equals|becomes|gives|is\s+equal\s+to)\s+(?=[-−\d\[(]|\Z)", re.IGNORECASE)
IS_NUMBER: Final = re.compile(
    r"\s(?P<is>is|are|equals|becomes|gives)\s+"
    r"(?P<number>[-−]?\d+(?:[.,]\d+)*(?:\s{0,2}[×x*]\s{0,2}\d+(?:[.,]\d+)*)*%?)(?![\w×*/^-]|\.\d)")


def opening(before: str) -> str:
    """How the words before a formula introduce it, as one word; empty where they do not.

    >>> opening("Case "), opening("so we have, if "), opening("with "), opening("Show that ")
    ('case', 'if', 'where', 'restated')
    """
    tail = before[-200:]
    sentence = last_sentence(tail)
    if _CASE.search(tail[-60:]):
        return "case"
    if _EXCEPT.search(tail):
        return "except"
    if _CONDITION.search(tail):
        return "if"
    if _RESTATED.search(sentence):
        return "restated"
    for pattern, word in ((_LET, "let"), (_RECALL, "recall"), (_GIVEN, "given"),
                          (_WHERE, "where"), (_DEFINED, "definition"), (_SINCE, "since")):
        if pattern.search(tail):
            return word
    return ""


_ASKS: Final = re.compile(
    r"(?<!we )(?<!I )(?<!can )(?<!to )\b(?:show|prove|verify|derive|demonstrate)\s+that\b"
    r"|(?:^|[.:;]\s{1,3}|\A\s*(?:\([^()]{0,20}\)\s*)?)(?:calculate|compute|find|determine|work\s+out|"
    r"prove|complete)\b", re.IGNORECASE)


def asks(text: str) -> bool:
    """Whether the last sentence of a text only says what is to be shown or found."""
    return _ASKS.search(last_sentence(text)) is not None


def lists_on(before: str) -> bool:
    """Whether the words between two formulas only list them: a comma, and."""
    return bool(_LISTED.match(before))


def is_tail(between: str) -> bool:
    """Whether the words between two formulas make the second a condition of the first."""
    return bool(_TAIL.match(between))


def last_sentence(before: str) -> str:
    """The words since the last full stop."""
    start = 0
    for found in _SENTENCE.finditer(before):
        start = found.end()
    return before[start:]


_DEFINES_CALL: Final = re.compile(
    r"(?:^|[\s,;$&=(]|\\quad)\s{0,9}\\?(?P<name>[A-Za-z]+(?:_(?:\{\w{1,12}\}|\w)|\d|[₀-₉])?)'{0,3}\s{0,3}"
    r"(?:\\left)?\((?P<args>[A-Za-z\\][^()=+*/-]{0,60})(?:\\right)?\)\s{0,3}(?:_(?:\{[^{}]{0,20}\}|\w))?\s{0,3}&?"
    r"\s{0,3}(?:=|\\equiv|:=|≡)")
_COMMA_NUMBER: Final = re.compile(
    r"(?<![\d.,\[(])(?:\d+,\d{1,2}|0,\d{3})(?![\d,])|(?<![\d.,\[(])\d+,\d{4,}(?![\d,])")
_SURE_COMMA: Final = re.compile(
    r"(?<![\d.,\[({_])(?:0,\d+|\d+,(?:\d{2}|\d{4,40}))(?![\d,])")
_BRACED_COMMA: Final = re.compile(
    r"\d\{,\}(?:\d{1,2}|\d{4,40})(?![\d{])|(?<!\d)0\{,\}\d{3}(?![\d{])")
_NEGATIVE: Final = re.compile(r"(?<![\w}^_])(d?[a-z])-1(?![\d.\w])")
_POINT_NUMBER: Final = re.compile(r"(?<![\d.])(?!\d{1,3}\.\d{3},\d)\d+\.\d+(?![\d.])")


_ALONE: Final = re.compile(r"(?<![A-Za-z\\])(?:d(?=[A-Z]))?([A-Za-z])(?![A-Za-z])", re.ASCII)
_RUN: Final = re.compile(r"(?<![A-Za-z\\{_])(?:[A-Z]{2,3}[a-z]?|[A-Z][a-z])(?![A-Za-z(])", re.ASCII)
_RUN_LEFT: Final = re.compile(
    r"(?:\A|[\n,;:])\s{0,9}([A-Z]{2,3}[a-z]?|[A-Z][a-z])(?=\s{0,3}:?=)", re.ASCII)
_RUN_TURNED: Final = re.compile(
    r"(?<![A-Za-z\\{_])[A-Z]{2}(?=\^T(?![A-Za-z])|ᵀ|\.T(?!\w))", re.ASCII)


_SPOKEN_IN: Final = re.compile(
    r"\\(?:text\w{0,6}|math(?:rm|bf|it|sf|cal|bb|tt)|operatorname\*?|mbox|begin|end|label|tag)\s?"
    r"\{[^{}]{0,80}\}")
_WORD: Final = re.compile(r"(?<![A-Za-z\\^])(?<!_)(?<!_\{)[A-Za-z]{2,8}(?![A-Za-z])", re.ASCII)
_NAME: Final = re.compile(r"[A-Z]{2,5}\Z|(?=[a-z]*[aeiou])[a-z]{3}\Z")
_INDEXED: Final = re.compile(r"[i-nrst]{2,3}\Z")


def _names_in(formulas: Iterable[str], alone: set[str]) -> frozenset[str]:
    """Runs of letters that are one name, net or CE: some letter of them never stands alone."""
    counts: dict[str, int] = {}
    for source in formulas:
        for run in _WORD.findall(_SPOKEN_IN.sub(" ", source)):
            counts[run] = counts.get(run, 0) + 1
    return frozenset(run for run, n in counts.items() if n > 1 and _NAME.match(run)
                     and not _INDEXED.match(run) and not alone.issuperset(run)
                     and run.lower() not in OPENERS)


def habits_of(paper: Paper) -> Habits:
    """What a paper does throughout: functions that it defines, macros, decimal commas."""
    functions: set[str] = set()
    commas = points = braced = sure = spaced = 0
    alone, runs, left = set[str](), set[str](), set[str]()
    for source in _sources(paper.blocks):
        for found in _DEFINES_CALL.finditer(source):
            ahead = source[: found.start("name")].rstrip(" \\")[-1:]
            name = unicodedata.normalize("NFKC", found["name"])
            if name[-1].isdigit() and "_" not in name:
                name = f"{name[:-1]}_{name[-1]}"
            if "_" in name and (ahead.isalnum() or ahead in tuple("})'")):
                continue  # u_2 a_2 (a_2) = …: factors
            functions.add(name.replace("{", "").replace("}", ""))
        commas += len(_COMMA_NUMBER.findall(source))
        points += len(_POINT_NUMBER.findall(source))
        sure += _SURE_COMMA.search(source) is not None
        spaced += SPACED.search(source) is not None
        alone |= set(_ALONE.findall(source))
        runs |= set(_RUN.findall(source))
        turned = set(_RUN_TURNED.findall(source))
        runs |= turned
        alone |= {letter for run in turned for letter in run}
        left |= set(_RUN_LEFT.findall(source))
        braced += _BRACED_COMMA.search(source) is not None
    macros = macros_of(paper.text) if "\\" in paper.text else {}
    left |= {run for run in runs if not alone.issuperset(run) or run.lower() in OPENERS}
    names = _names_in((b.source for b in paper.blocks if isinstance(b, Formula)), alone)
    if "_{in}" in paper.text and "_{out}" in paper.text:  # H_{in} is no H with two indices
        names |= {"in", "out"}
    negatives = frozenset(found[1] for found in _NEGATIVE.finditer(paper.text)
                          if f"{found[1]}0" in paper.text or f"{found[1]}_0" in paper.text)
    return Habits(frozenset(functions), macros, commas > 0 and points == 0,
                  braced > 0, sure > 0 and points == 0, spaced > 0, negatives,
                  frozenset(runs - left), Budget(),
                  names)


def _sources(blocks: Iterable[Block]) -> Iterable[str]:
    for block in blocks:
        if isinstance(block, (Formula, Words)):
            yield block.source if isinstance(block, Formula) else block.text
        elif isinstance(block, Grid):
            for row in block.rows:
                for cell in row:
                    yield from _sources(cell.blocks)
