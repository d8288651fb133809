"""The routing mode `keywords`: English and French, whole words, weighed, explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.keywords import KeywordClassifier, Weights, fold_text, load_weights
from llmrouter.policy.structure import STRUCTURE
from tests.growth import LINEAR_ENOUGH, growth

BUILT_IN = ("tools", "code", "reasoning", "conversation")
WEIGHTS = load_weights()


def classifier(**added: list[str]) -> KeywordClassifier:
    own = {name: WEIGHTS.keywords(name) for name in BUILT_IN}
    return KeywordClassifier({**own, **added}, WEIGHTS)


PLAIN = classifier()

SENTENCES = [
    # English
    ("Write a Python function that reverses a linked list", "code"),
    ("Why does my docker container exit with code 137?", "code"),
    ("how do I undo the last git commit", "code"),
    ("regex for a phone number", "code"),
    ("My SQL query is slow, which index helps?", "code"),
    ("explain quicksort", "code"),
    ("Prove that the square root of 2 is irrational", "reasoning"),
    ("A train leaves at 3 pm at 80 km/h. How far is it from home at 5 pm?", "reasoning"),
    ("In how many ways can 5 people sit around a table?", "reasoning"),
    ("why does ice float?", "reasoning"),
    ("What are the chances of two sixes with two dice?", "reasoning"),
    ("hello there", "conversation"),
    ("Write a poem about autumn", "conversation"),
    ("Draft an email to my landlord about the heating", "conversation"),
    ("Translate this into Spanish: see you tomorrow", "conversation"),
    ("any movie recommendations for tonight?", "conversation"),
    # French
    ("Écris une fonction Python qui trie une liste", "code"),
    ("comment annuler le dernier commit git ?", "code"),
    ("Mon script bash dit « permission denied »", "code"),
    ("Démontre que la somme de deux nombres pairs est paire", "reasoning"),
    ("Combien de façons de ranger 5 livres ?", "reasoning"),
    ("Pourquoi la glace flotte-t-elle ?", "reasoning"),
    ("Bonjour, comment ça va ?", "conversation"),
    ("Rédige un mail à mon propriétaire", "conversation"),
    ("une recette de crêpes", "conversation"),
]


@pytest.mark.parametrize(("text", "category"), SENTENCES)
def test_plain_sentences_find_their_category(text: str, category: str) -> None:
    assert PLAIN.classify(text).category == category


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("how are you?", "reasoning"),
        ("How old is she?", "reasoning"),
        ("comment vas-tu ?", "reasoning"),
        ("Monty Python", "code"),
        ("Is Monty Python still funny?", "code"),
        ("My ball python will not eat", "code"),
        ("What is the dress code?", "code"),
        ("Quel est le code postal de Lyon ?", "code"),
        ("Who is the prime minister?", "reasoning"),
        ("Taylor Swift", "code"),
        ("a haiku about a compiler", "code"),
        ("Write a short story about a programmer who loves tea", "code"),
        ("une idée de repas avec des courgettes", "reasoning"),
        ("my optional(ly) spelled word(s)", "code"),
    ],
)
def test_misleading_words_do_not_mislead(text: str, never: str) -> None:
    assert PLAIN.classify(text).category != never


# structure, whatever the language of the words around it
STRUCTURES = [
    ("Was ist hier falsch?\n```\nx = 1\n```", "code"),
    ("diff --git a/x b/x\n@@ -1,2 +1,2 @@", "code"),
    ('Traceback (most recent call last):\n  File "a.py", line 3', "code"),
    ("java.lang.NullPointerException: null\n    at com.example.Main.run(Main.java:5)", "code"),
    ("$ make install\nmake: *** No rule", "code"),
    ("2026-11-20 12:00:01 ERROR lost\n2026-11-20 12:00:02 INFO back", "code"),
    ("リスト`li`の長さ", "code"),
    ("SELECT name FROM people WHERE age > 3", "code"),
    ("public static void main(String[] args) {", "code"),
    ("Вычисли $\\frac{1}{2} + \\frac{1}{3}$", "reasoning"),
    ("¿Cuánto es el 18 % de 350?", "reasoning"),
    ("12 * 7 + 3", "reasoning"),
    ("Welche stimmt?\nA) eins\nB) zwei\nC) drei", "reasoning"),
]


@pytest.mark.parametrize(("text", "category"), STRUCTURES)
def test_structure_speaks_in_every_language(text: str, category: str) -> None:
    assert PLAIN.classify(text).category == category


@pytest.mark.parametrize("text", ["", "   ", "🙂", "…", "\u200b\u200d", "xyzzy plugh", "\ud800"])
def test_what_says_nothing_has_no_category(text: str) -> None:
    result = PLAIN.classify(text)

    assert (result.category, result.confidence, result.evidence) == (None, 0.0, ())


def test_case_and_accents_do_not_matter() -> None:
    for text in (
        "DÉMONTRE LE THÉORÈME",
        "demontre le theoreme",
        "De\u0301montre le theore\u0300me",
    ):
        assert PLAIN.classify(text).category == "reasoning"


def test_words_count_only_whole() -> None:
    only = KeywordClassifier({"code": ["java"]}, Weights({}, ()))

    assert only.classify("I like java").category == "code"
    assert only.classify("I like javanese").category is None


def test_a_star_stands_for_any_ending_and_a_plural_for_its_singular() -> None:
    only = KeywordClassifier({"law": ["contract", "litig*", "court order*"]}, Weights({}, ()))

    assert only.classify("two contracts").category == "law"
    assert only.classify("litigation").category == "law"
    assert only.classify("three court orders").category == "law"
    assert only.classify("court jester").category is None
    assert only.classify("contractor").category is None


def test_the_same_word_counts_once() -> None:
    once = PLAIN.classify("python")
    often = PLAIN.classify("python python python")

    assert once.scores == often.scores


def test_a_word_in_two_languages_counts_once() -> None:
    only = KeywordClassifier(
        {"heat": ["temperature", "température"]}, Weights({"heat": {"temperature": 2.0}}, ())
    )

    assert only.classify("temperature").scores == {"heat": 4.0}


def test_words_inside_a_known_phrase_do_not_count_again() -> None:
    only = KeywordClassifier({"code": ["python"]}, Weights({}, ("monty python",)))

    assert only.classify("Monty Python").category is None
    assert only.classify("Monty Python wrote no python").category == "code"


def test_the_answer_names_its_evidence_the_weightiest_first() -> None:
    result = PLAIN.classify("write a python script with a loop")

    assert result.evidence[0] == "python"
    assert set(result.evidence) >= {"python", "loop"}
    assert result.scores["code"] > result.scores["conversation"]


def test_more_evidence_on_one_side_is_more_confidence() -> None:
    some = PLAIN.classify("a loop and a poem")
    clear = PLAIN.classify("debug my python unit tests with pytest")

    assert 0 < some.confidence < clear.confidence < 1


class TestAddedCategories:
    LEGAL = classifier(legal=["law", "contract", "bail"], kitchen=["recipe", "cook"])

    @pytest.mark.parametrize(
        ("text", "category"),
        [
            ("What does this contract say?", "legal"),
            ("mon propriétaire garde le bail", "legal"),
            ("a recipe for soup, please", "kitchen"),
            ("hello there, could you recommend a good cook?", "kitchen"),
            ("Write a Python function to parse JSON from a REST API", "code"),
            ("hello there", "conversation"),
        ],
    )
    def test_they_take_part(self, text: str, category: str) -> None:
        assert self.LEGAL.classify(text).category == category

    def test_a_script_without_spaces_is_searched_for_anywhere(self) -> None:
        medical = classifier(medical=["血压", "症状"])

        assert medical.classify("血压高应该注意什么？").category == "medical"

    def test_korean_words_are_found_although_folded(self) -> None:
        assert classifier(medical=["혈압"]).classify("혈압이 높아요").category == "medical"

    def test_the_same_keyword_in_two_of_them_speaks_for_both(self) -> None:
        two = classifier(tax=["audit"], finance=["audit", "ledger"])

        assert two.classify("audit the ledger").category == "finance"

    def test_a_category_without_keywords_is_never_chosen(self) -> None:
        assert classifier(empty=[]).classify("empty").category is None


def test_the_built_in_lists_are_bilingual_and_plain() -> None:
    for name, french in (
        ("code", "programmeur"),
        ("reasoning", "théorème*"),
        ("conversation", "bonjour"),
    ):
        keywords = WEIGHTS.keywords(name)
        assert french in keywords
        assert len(keywords) == len(set(keywords))
        assert all(0 < len(keyword) <= 100 for keyword in keywords)


def test_no_keyword_is_hidden_by_another_of_the_same_spelling() -> None:
    for name in ("code", "reasoning", "conversation"):
        index = KeywordClassifier({name: WEIGHTS.keywords(name)}, Weights(WEIGHTS.by_category, ()))
        silent = [
            keyword
            for keyword in WEIGHTS.keywords(name)
            if not index.classify(f"{keyword.rstrip('*')} {keyword.rstrip('*')}").scores.get(name)
        ]
        assert silent == []


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    result = PLAIN.classify(text)

    assert result.category is None or result.scores[result.category] >= 1.0
    assert 0 <= result.confidence < 1


HOSTILE = [
    "A)B)",
    "1 ",
    "a_",
    "SELECT ",
    "git a",
    "\n at a",
    "`a.",
    "x::",
    "aA",
    "$a",
    "\n",
    "python ",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_no_text_takes_more_than_linear_time(part: str) -> None:
    assert growth(PLAIN.classify, part, 12_500) < LINEAR_ENOUGH


def test_marks_of_structure_have_names_of_their_own() -> None:
    labels = [mark.label for mark in STRUCTURE]

    assert len(labels) == len(set(labels))


def test_folding_takes_accents_and_ligatures_apart() -> None:
    assert fold_text("Déjà vu, Œuvre") == "deja vu, oeuvre"
