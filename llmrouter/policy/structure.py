"""What a text looks like, whatever its language: code, logs, formulas, exam questions."""

from __future__ import annotations

import re
from typing import Final

from llmrouter.core.records import Record


class Mark(Record):
    """A visible structure, the category it speaks for, and how loudly.

    Most texts have none, and say so quickly: one of ``words`` must stand in the text (of a pattern
    that ignores case, in the folded one), and ``probe`` must find something in it.
    """

    label: str
    category: str
    weight: float
    pattern: re.Pattern[str]
    at_least: int = 1
    words: tuple[str, ...] = ()
    in_folded: bool = False
    probe: re.Pattern[str] | None = None

    def shows_in(self, text: str, folded: str) -> bool:
        """Whether the text has this structure (often enough); ``folded`` is the text in lower case
        and without accents."""
        if self.words:
            searched = folded if self.in_folded else text
            for word in self.words:
                if word in searched:
                    break
            else:
                return False
        if self.probe is not None and self.probe.search(text) is None:
            return False
        matches = self.pattern.finditer(text)
        return all(next(matches, None) is not None for _ in range(self.at_least))


def _mark(
    label: str,
    category: str,
    weight: float,
    pattern: str,
    flags: int = 0,
    at_least: int = 1,
    words: tuple[str, ...] = (),
    probe: str | None = None,
) -> Mark:
    return Mark(
        label,
        category,
        weight,
        re.compile(pattern, flags),
        at_least,
        words,
        in_folded=bool(flags & re.IGNORECASE),
        probe=None if probe is None else re.compile(probe),
    )


STRUCTURE: Final[tuple[Mark, ...]] = (
    _mark("code fence", "code", 3.0, r"```"),
    _mark("diff", "code", 5.0, r"^(?:diff --git |@@ -\d+|\+\+\+ [ab]/)", re.MULTILINE),
    _mark(
        "stack trace",
        "code",
        5.0,
        r"Traceback \(most recent|^[ \t]+at [\w.$<>]+\(|\b\w+(?:Error|Exception)\b: "
        r"|^[ \t]*File \"[^\"\n]+\", line \d|panicked at|Segmentation fault|core dumped",
        re.MULTILINE,
        words=(
            *("Traceback (most", 'File "', "panicked at", "Segmentation fault", "core dumped"),
            *(" at ", "\tat ", "Error: ", "Exception: "),
        ),
    ),
    _mark(
        "log lines",
        "code",
        4.0,
        r"^\W{0,2}\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d"
        r"|\b(?:ERROR|WARN|INFO|DEBUG|FATAL)\b[ :\]]",
        re.MULTILINE,
        at_least=2,
        words=("ERROR", "WARN", "INFO", "DEBUG", "FATAL", ":"),
    ),
    _mark(
        "shell command",
        "code",
        3.0,
        r"^[ \t]*(?:\$ |sudo |#!/)|(?:^|[`\s])(?:git|npm|pip|docker|kubectl|curl|apt|brew|cargo"
        r"|yarn|pnpm|systemctl|chmod|grep|ssh) -{0,2}[a-z]++ ?[-\w./:]*+(?:`|$)",
        re.MULTILINE,
        words=(
            *("$ ", "sudo ", "#!/", "git ", "npm ", "pip ", "docker ", "kubectl ", "curl ", "apt "),
            *("brew ", "cargo ", "yarn ", "pnpm ", "systemctl ", "chmod ", "grep ", "ssh "),
        ),
    ),
    _mark(
        "source code",
        "code",
        4.0,
        r"^[ \t]*(?:def \w+\(|class \w+[:({]|import [\w.]+;?$|from [\w.]+ import |#include\s?<"
        r"|public (?:static|class|void)|func \w+\(|fn \w+\(|(?:const|let|var) \w+\s?="
        r"|package \w+;?$|using [\w.]+;|function \w*\(|interface \w+ ?\{|struct \w+)"
        r"|/\*\*|\*/|=> ?\{|\);[ \t]*$|\{[ \t]*$|</\w+>|\breturn [\w.\"']+;|<\?php|\b\w+::\w"
        r"|\bconsole\.log",
        re.MULTILINE,
        words=(
            *("def ", "class ", "import ", "from ", "#include", "public ", "func ", "fn "),
            *("const ", "let ", "var ", "package ", "using ", "function ", "interface ", "struct "),
            *("/**", "*/", "{", ");", "</", "return ", "<?php", "::", "console.log"),
        ),
    ),
    _mark(
        "inline code",
        "code",
        2.0,
        r"`[^`\n]{1,80}`|\b[a-z]++(?:_[a-z0-9]+)+\b|\$\{?[A-Z_]{2}",
        words=("`", "_", "$"),
    ),
    _mark(
        "call",
        "code",
        2.0,
        # No formula (sin(x)), and no ending in brackets (word(s), ami(e)).
        r"\b(?!(?:sin|cos|tan|log|exp|max|min|gcd|lim|det)\()[A-Za-z_][\w.]{2,40}"
        r"\((?!(?:s|es|e|x|ly)\))",
        probe=r"\((?<=[\w.][\w.]\()",
    ),
    _mark(
        "file name",
        "code",
        2.0,
        r"(?:\b[\w-]++|\*)\.(?:py|js|jsx|tsx?|java|cpp|hpp|cs|rs|go|rb|php|sh|sql|ya?ml|json|toml"
        r"|html?|css|csv|xml|ipynb|log|conf|ini|env|txt|gz|tar|dll|exe)\b"
        r"|/(?:usr|etc|var|home|tmp|bin)/",
        probe=r"\.[a-z](?<=[\w*-]\..)|/(?:usr|etc|var|home|tmp|bin)/",
    ),
    _mark(
        "SQL",
        "code",
        4.0,
        r"\bSELECT\b.{1,300}?\bFROM\b|\bINSERT INTO\b|\bCREATE TABLE\b",
        re.DOTALL,
        words=("SELECT", "INSERT INTO", "CREATE TABLE"),
    ),
    _mark(
        "formula",
        "reasoning",
        3.0,
        r"\\(?:frac|sqrt|sum|int|begin\{|left|cdot|times|theta|pi|alpha|leq|geq|mathbb)"
        r"|\$[^$\n]{1,80}[=+^_\\<>-][^$\n]{0,80}\$|\b[a-z]\^\{?\d|[∫∑√≤≥≠∞π∈∀∃⊂∪∩]",
        probe=r"[\\$^∫∑√≤≥≠∞π∈∀∃⊂∪∩]",
    ),
    _mark(
        "arithmetic",
        "reasoning",
        2.0,
        r"(?<![\w./-])\d++(?:[.,]\d+)?\s?(?:[+×÷*^]|\s[-/]\s)\s?\d+(?![\w-])"
        r"|\b\d*[xyn]\s?[-+*/=]\s?\d|\d\s?%\s\w{1,4}\s\d",
        probe=r"[-+×÷*/^=%]",
    ),
    _mark(
        "answer options",
        "reasoning",
        4.0,
        r"\bA[).](?>.{1,400}?\bB[).])(?>.{1,400}?\bC[).])",
        re.DOTALL,
        words=("A)", "A."),
    ),
    _mark(
        "text to write",
        "conversation",
        4.0,
        r"\b(?:write|draft|compose|rédigez?|rédiger|écris|écrivez|écrire)\b[^.\n]{0,40}"
        r"\b(?:poem|haiku|story|song|lyrics|e-?mail|letter|essay|article|blog|post|speech|review"
        r"|caption|tweet|poème|histoire|chanson|mail|lettre|discours|dissertation|message)\b",
        re.IGNORECASE,
        words=("write", "draft", "compose", "redig", "ecri", "ı"),
    ),
    _mark(
        "text to work on",
        "conversation",
        4.0,
        r"\A\W{0,3}(?:please |can you |could you )?"
        r"(?:summari[sz]e|paraphrase|rephrase|rewrite|reword|proofread|translate|shorten|categori[sz]e|classify"
        r"|résume[zr]?|paraphrase[zr]|reformule[zr]?|traduis|traduisez|corrige[zr]?)\b",
        re.IGNORECASE,
    ),
    _mark(
        "several quantities",
        "reasoning",
        1.5,
        r"(?<![\w.#/])[$€£]?\d++(?:[.,]\d++)*\s?[%€]?(?![\w./])",
        at_least=3,
    ),
)
"""Searched in the text as it was typed.  Repetitions are bounded or possessive, so that no text
takes longer than its length."""
