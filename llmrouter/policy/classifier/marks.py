"""Marks: what a text looks like, whatever its language.

A mark is a name such as `fence` or `options`; a text has it or has it not. The patterns read the
text as it was typed (case and symbols kept).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping

from llmrouter.core.records import Record

_EMOJI = frozenset((":", ";", *map(chr, (*range(0x1F300, 0x1FB00), *range(0x2600, 0x27C0)))))


class _Structure(Record):
    """A mark's pattern, and what spares most texts the search.

    ``needs``: a character of these must be there.  ``words``: one of these must stand in the text
    in lower case.  ``probe`` finds something that every match has, much faster than the pattern
    itself: because it begins with a rare character.
    """

    name: str
    needs: frozenset[str]
    words: tuple[str, ...]
    probe: re.Pattern[str] | None
    pattern: re.Pattern[str]

    def shows_in(self, text: str, lowered: str) -> bool:
        if self.words:
            for word in self.words:
                if word in lowered:
                    break
            else:
                return False
        if self.probe is not None and not self.probe.search(text):
            return False
        return self.pattern.search(text) is not None


_WORDS: Mapping[str, tuple[str, ...]] = {
    "sql": ("select", "insert", "create", "update", "group", "left", "inner"),
    "trace": (
        *("traceback (most", 'file "', "panicked at", "goroutine ", "segmentation fault"),
        *(":", " at ", "\tat ", "\nat ", "\xa0at "),
    ),
    "true_false": ("true or false", "vrai ou faux", "verdadero o falso", "richtig oder falsch"),
}

_PROBES: Mapping[str, str] = {
    "call": r"\((?<=\w\()",
    "dotted_call": r"\.[A-Za-z_]\w*\(",
    "camel_case": r"[A-Z](?<=[a-z][A-Z])[a-z]",
    "file_name": r"\.[A-Za-z\u017f]",
    "arithmetic": r"[+*/×÷^·=x-]",
    "algebra": r"[-+=<>≤≥(](?:(?<=[-+=<>≤≥])|(?<=[fgh]\())",
    "log_line": r"[-:\[]|INFO|WARN|ERROR|DEBUG",
    "error_name": r":|Error|Exception|errno|E[A-Z]{4}|exit |HTTP|status",
    "blank": r"___|\(\s|（|\.\.\.\.\.\.|\[MASK",
    "options": r"\n|A[).]|①",
}

# Name, characters of which one must be there (empty: none), pattern. The characters spare ordinary
# prose most of the searches.
_PATTERNS = tuple(
    _Structure(
        name,
        frozenset(needs),
        _WORDS.get(name, ()),
        re.compile(_PROBES[name]) if name in _PROBES else None,
        re.compile(pattern, re.MULTILINE),
    )
    for name, needs, pattern in (
        ("fence", "`~", r"^[ \t]*(?:```|~~~)"),
        ("backtick", "`", r"`[^`\n]{1,80}`"),
        ("call", "(", r"[A-Za-z_.]\w\((?:\)|[\"'\w\[{*&])"),
        ("dotted_call", "(", r"[A-Za-z_]\w*\.[A-Za-z_]\w*\("),
        ("snake_case", "_", r"\b[A-Za-z]+_[A-Za-z_]+\b"),
        ("camel_case", "", r"\b[a-z]+[A-Z][a-z]+\w*\b|\b[A-Z][a-z]+[A-Z][a-z]+\w*\b"),
        ("arrow", ">:<", r"=>|->|::|<-"),
        ("comparison", "=&|+", r"[=!<>]=|&&|\|\||\+\+|\+="),
        (
            "assignment",
            "=",
            r"^[ \t]*(?:[A-Za-z_][\w.\[\]\"']*\s+)?[A-Za-z_][\w.\[\]\"']*\s?=\s?[^=\s]",
        ),
        ("line_end_code", ";{}", r"[;{}]\s*$"),
        ("indented", "\n", r"^(?: {4}|\t| {2}(?=\S*[=({<]))\s*[A-Za-z_<@#/$}\"'-]"),
        (
            "comment",
            "/*#!<-",
            r"^[ \t]*(?://|/\*|\*/|#!|--\s|<!--)|^[ \t]*#\s?\w.*\n\s*(?:#|def |class |import )",
        ),
        (
            "definition",
            "{([;:=\n",
            (
                r"^[ \t]*(?:async )?(?:def|class|fn|func|function|public|private|static"
                r"|import|from|package|using|const|let|var|struct|enum|interface"
                r"|type|return)\s+[\w{*<.\"'(]+.*(?:[:;{=(]|import)"
            ),
        ),
        ("include", "#", r"^[ \t]*#\s*(?:include|define|ifdef|pragma)\b"),
        (
            "sql",
            "",
            (
                r"(?i:\bselect\b.{1,200}\bfrom\b\s+\w+(?:\s*(?:;|$|where|join|group"
                r"|order|limit))|\binsert\s+into\b|\bcreate\s+table\b|\bupdate\s+\w+\s+set\b"
                r"|\bgroup\s+by\b|\bleft\s+join\b|\binner\s+join\b)"
            ),
        ),
        ("markup", "<", r"</?(?:[a-z][a-z0-9-]*)(?:\s+[\w:-]+=[^<>]*)?\s*/?>"),
        ("json", '"', r"[{\[]\s*\"[\w$-]+\"\s*[:,]"),
        (
            "shell",
            "",
            (
                r"^[ \t]*\$ \w|^[ \t]*(?:sudo|apt|apt-get|pip3?|npm|npx|yarn|git|docker"
                r"|kubectl|curl|wget|ssh|chmod|cd|ls|grep|awk|sed|systemctl|make"
                r"|cargo|brew)\s+[-\w./]+|\s--[a-z][\w-]+|\s\|\s(?:grep|awk|sed|sort"
                r"|xargs|head|tail|wc)\b"
            ),
        ),
        ("option_flag", "-", r"(?:^|\s)-[a-zA-Z]\b(?!\w)"),
        (
            "path",
            "/\\",
            (
                r"(?<![\w/:])/[\w.@-]+/[\w.@-]*|[~.]/[\w.@-]+|[A-Z]:\\"
                r"|(?<!\S)/(?:etc|usr|var|home|tmp|opt|dev|bin|root)\b"
            ),
        ),
        (
            "file_name",
            ".",
            (
                r"(?i:\b[\w*-]+\.(?:py|pyc|ipynb|js|jsx|mjs|ts|tsx|java|kt|c|cc|cpp"
                r"|h|hpp|cs|go|rs|rb|php|swift|sh|bash|zsh|ps1|bat|sql|html?|css"
                r"|scss|json|ya?ml|toml|xml|csv|tsv|log|ini|cfg|conf|env|lock|gradle"
                r"|vue|dart|jar|exe|dll|so|tar|gz|zip|md|txt|bak))\b"
            ),
        ),
        ("glob", "*\\[(", r"\*\.\w+|\.\*\)?|\\[dwsb][+*]?|\[\^?[a-z0-9]-[a-z0-9]\]|\(\?[:=!]"),
        ("address", ".:", r"\d\.\d{1,3}\.\d{1,3}\.\d|:\d{4,5}\b"),
        ("url", ":.", r"https?://|www\.\w"),
        ("diff", "\n", r"^diff --git|^@@ -\d+|^\+\+\+ \S|^--- \S|^(?:index [0-9a-f]{6,})"),
        (
            "trace",
            ":(\n",
            (
                r"Traceback \(most|^\s+at [\w$.<>]+[( ]|File \".+\", line \d+|panicked at"
                r"|\bat .+:\d+:\d+|goroutine \d+|Segmentation fault|Caused by:"
            ),
        ),
        (
            "error_name",
            ":EHsx0123456789",
            (
                r"\b[A-Z]\w*(?:Error|Exception)\b|\b(?i:error|fatal|warn(?:ing)?"
                r"|exception|fehler|erreur)\b ?(?:\[?\w+\]?)?:|\berrno\b|\bE[A-Z]{4,}\b"
                r"|\bexit (?:code|status) \d+|\bHTTP[ /]?\d|\bstatus[ =:]?[45]\d\d\b"
            ),
        ),
        (
            "log_line",
            "0123456789[IWED",
            (
                r"^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|^\[\s*\d+\.\d+\]|^\w{3} +\d+ \d\d:\d\d:\d\d"
                r"|\[(?:INFO|WARN|ERROR|DEBUG|error|info|warn)\]|^(?:INFO|WARN|WARNING"
                r"|ERROR|DEBUG)\b"
            ),
        ),
        ("hexadecimal", "0123456789", r"\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{12,40}\b"),
        ("upper_constant", "_", r"\b[A-Z]{2,}_[A-Z_]+\b"),
        (
            "spreadsheet",
            ":=",
            r"=[A-Z]{2,}\(|\b[A-Z]{1,2}\d{1,4}:[A-Z]{1,2}\d{1,4}\b",
        ),
        (
            "tex",
            "\\",
            (
                r"\\(?:frac|sqrt|sum|int|left|right|begin|cdot|times|leq?|geq?|neq"
                r"|in|angle|triangle|circ|text|mathbb|mathrm|alpha|beta|theta|pi"
                r"|lim|log|sin|cos|infty|vec|overline|binom)\b"
            ),
        ),
        ("dollar_math", "$", r"\$[^$\n]{1,120}[\\^_=+<>{}][^$\n]{0,120}\$|\$[a-zA-Z0-9]\$"),
        (
            "arithmetic",
            "0123456789",
            r"\d\s*[+*/×÷^·]\s*\(?\d|\d\s+-\s+\d|\d\s*=\s*\??|=\s*-?\d|\d\s*[x×]\s*\d",
        ),
        (
            "algebra",
            "+-=<>≤≥(",
            (
                r"(?<![\w])-?\d*\.?\d*[a-z](?:\^?\d|[²³])?\s*[+\-=<>≤≥]\s*-?\d*[a-z0-9(]"
                r"|\b[fgh]\([a-z0-9]\)|[a-z]\s?=\s?-?\d|\([a-z][+-]\d\)"
            ),
        ),
        (
            "math_symbol",
            "∑∫√≤≥≠±∈∉⊂⊆∪∩∀∃⇒⇔≡≈∞πθαβλμσΔ∂∇°²³⁴ⁿ₁₂¬∧∨→∠△⊥∥",
            r"[∑∫√≤≥≠±∈∉⊂⊆∪∩∀∃⇒⇔≡≈∞πθαβλμσΔ∂∇°²³⁴ⁿ₁₂¬∧∨→∠△⊥∥]",
        ),
        ("percent", "%", r"\d\s*%"),
        (
            "currency",
            "0123456789",
            (
                r"[$€£¥₹₽₩₺₴]\s?\d|\d\s?(?:[$€£¥₹₽₩₺₴元円원]|руб|грн|злот"
                r"|(?:[Ee]uros?|EUR|eur|[Dd]ollars?|USD|usd|bucks|[Cc]ents?|[Rr]eais|[Pp]esos?"
                r"|[Yy]en|[Rr]ubl\w*|[Rr]upees?|zl|lire|TL|tl)\b)"
            ),
        ),
        (
            "measure",
            "0123456789",
            (
                r"\d\s?(?:km|cm|mm|m²|m2|kg|mg|g|ml|l|L|m/s|km/h|mph|kmh|kW|W|V|A"
                r"|Hz|°C|°F|K|J|N|mol|Pa|ft|in|lb|oz|ha|t|s|h|min|m)\b|\d\s?(?:米"
                r"|公里|千克|分钟|小时|度|キロ|メートル|時間|км|кг|см|мин)"
            ),
        ),
        (
            "options",
            "\n(①",
            (
                r"^[ \t]*\(?[A-Da-d][).:、．]\s?\S.*(?:\n+\s*\(?[B-Eb-e][).:、．]\s?\S.*)+"
                r"|[(\s]A[).]\s?.{1,80}[(\s]B[).]\s?.{1,80}[(\s]C[).]|\(A\).+\(B\)"
                r"|①.+②"
            ),
        ),
        ("blank", "_( (（.[", r"_{3,}|\(\s{2,}\)|（\s*）|\.{6,}|\[MASK\]"),
        (
            "true_false",
            "",
            r"(?i:\b(?:true or false|vrai ou faux|verdadero o falso|richtig oder falsch)\b)",
        ),
        ("question_end", "?？؟", r"[?？؟]\s*[\"'»”)]*\s*\Z"),
        ("colon_end", ":：", r"[:：]\s*\Z"),
        ("ellipsis", ".…", r"\.\.\.|…"),
        ("exclamation", "!！", r"[!！]"),
        ("long_quote", '"“«「『', r"[\"“«「『][^\"”»」』]{25,600}[\"”»」』]"),
        ("short_quote", '"“«「『', r"[\"“«「『][^\"”»」』\n]{1,24}[\"”»」』]"),
        ("bullet", "", r"^[ \t]*(?:[-*•]|\d+[.)])\s+\S"),
        (
            "table",
            "\n",
            (
                r"^[ \t]*\|.*\|.*\|\s*$"
                r"|^[^,\n]+(?:,[^,\n ][^,\n]*){2,}\n[^,\n]+(?:,[^,\n ][^,\n]*){2,}"
            ),
        ),
        ("field", ":", r"^[ \t]*[A-Z][\w ]{2,20}:\s*\S"),
        ("emoji", _EMOJI, r"[\U0001f300-\U0001faff\u2600-\u27bf]|[:;]-?[)(DP]"),
        ("heading", "#", r"^#{1,6} \S"),
        ("comma_sentence", ",", r"\w, \w[^,.?!\n]{8,}[.?!]"),
    )
)

HEAD_CHARACTERS = 550
TAIL_CHARACTERS = 250
"""Structure shows early and at the end; the patterns are what costs most on a long text."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE = re.compile(r"[.?!。？！؟]+(?=\s|\Z|[\u3000-\u9fff])")


def marks(text: str) -> list[str]:
    """Gives the marks a text carries, lengths and counts in steps included."""
    length = len(text)
    if length > HEAD_CHARACTERS + TAIL_CHARACTERS:
        text = text[:HEAD_CHARACTERS] + "\n" + text[-TAIL_CHARACTERS:]
    present = set(text)
    lowered = text.lower() if text.isascii() else text.lower().replace("ſ", "s").replace("ı", "i")
    found = [
        structure.name
        for structure in _PATTERNS
        if not (structure.needs and present.isdisjoint(structure.needs))
        and structure.shows_in(text, lowered)
    ]
    # Han, kana and Hangul say in one character what takes others about three.
    wide = 0 if text.isascii() else sum(1 for c in text if "\u3040" <= c <= "\ud7af")
    length += 2 * wide
    found.append(_step("length", length, (8, 18, 35, 60, 100, 180, 350, 800, 2000)))
    found.append(_step("numbers", len(_NUMBER.findall(text)), (1, 2, 3, 5, 9, 20)))
    found.append(_step("sentences", len(_SENTENCE.findall(text)), (1, 2, 3, 5, 9)))
    found.append(_step("questions", text.count("?") + text.count("？") + text.count("؟"), (1, 2)))
    found.append(_step("lines", text.count("\n"), (1, 3, 8, 20)))
    symbols = sum(map(text.count, "{}[]();=<>|_\\/*&^$#`"))
    found.append(_step("symbols", 100 * symbols // max(len(text), 20), (1, 3, 6, 10)))
    digits = sum(map(text.count, "0123456789"))
    found.append(_step("digits", 100 * digits // max(len(text), 20), (1, 3, 8, 16)))
    if not any(c.isalnum() for c in text[:400]):
        found.append("wordless")
    return found


def _step(name: str, value: int, bounds: tuple[int, ...]) -> str:
    """Gives `name:k`, k being how many of the bounds the value reaches."""
    return f"{name}:{bisect_right(bounds, value)}"
