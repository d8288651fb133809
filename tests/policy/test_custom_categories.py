"""Custom categories: bound by their words alone, in every language, and only when clearly meant."""

import pytest

from llmrouter.policy.classifier import CustomCategory, LocalClassifier, Scores

MEDICAL = CustomCategory(
    "medical", "Health and medical questions", ("symptom", "medicine", "doctor"), ()
)
LEGAL = CustomCategory("legal", "Law and contracts", ("law", "contract", "lawyer"), ())
KITCHEN = CustomCategory("kitchen", "Cooking and recipes", ("recipe", "cook", "ingredient"), ())
TRAVEL = CustomCategory("voyages", "Voyages, vols et hôtels", ("voyage", "vol", "hôtel"), ())
BEES = CustomCategory(
    "bees",
    "Beekeeping",
    ("hive",),
    ("How do I stop a swarm from leaving?", "my queen lays no brood"),
)


@pytest.fixture(scope="module")
def classifier() -> LocalClassifier:
    return LocalClassifier.load().with_custom([MEDICAL, LEGAL, KITCHEN, TRAVEL, BEES])


def winner(scores: Scores) -> str:
    return max(scores.probabilities, key=scores.probabilities.__getitem__)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("What are the symptoms of anemia?", "medical"),
        ("Mon fils a de la fièvre et il tousse", "medical"),
        ("Welche Nebenwirkungen hat Ibuprofen?", "medical"),
        ("Какие симптомы у гриппа?", "medical"),
        ("糖尿病有哪些症状？", "medical"),
        ("ما هي أعراض مرض السكري؟", "medical"),
        ("Can my landlord keep my deposit?", "legal"),
        ("Mein Vermieter will den Mietvertrag kündigen", "legal"),
        ("¿Puede mi jefe cambiar el contrato sin avisar?", "legal"),
        ("房东不退押金怎么办？", "legal"),
        ("a good recipe for lentil soup", "kitchen"),
        ("Was koche ich heute mit Kartoffeln und Käse?", "kitchen"),
        ("トマトソースのレシピを教えて", "kitchen"),
        ("find me a cheap flight and a hotel in Lisbon", "voyages"),
        ("비행기와 호텔 예약을 도와줘", "voyages"),
        ("my hive is empty", "bees"),
        ("why does the swarm keep leaving, and is there brood?", "bees"),
    ],
)
def test_a_category_is_found_by_its_users_words_and_their_topic_in_other_languages(
    classifier: LocalClassifier, text: str, category: str
) -> None:
    assert winner(classifier.score(text)) == category


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("hello, how are you?", "conversation"),
        ("Write a Python function that parses a JSON file", "code"),
        (
            "class Recipe:\n    def cook(self): ...\nadd a __repr__",
            "code",
        ),
        ("Solve 3x + 5 = 20 for x", "reasoning"),
        ("Prove that there are infinitely many primes", "reasoning"),
        ("Erzähl mir einen Witz", "conversation"),
    ],
)
def test_other_texts_keep_their_built_in_category(
    classifier: LocalClassifier, text: str, category: str
) -> None:
    assert winner(classifier.score(text)) == category


def test_probabilities_cover_all_categories_and_sum_to_one(classifier: LocalClassifier) -> None:
    scores = classifier.score("my doctor gave me a contract to sign")
    assert set(scores.probabilities) >= {"code", "reasoning", "conversation", "medical", "legal"}
    assert sum(scores.probabilities.values()) == pytest.approx(1)


def test_evidence_names_the_words_that_bound_the_category(classifier: LocalClassifier) -> None:
    evidence = classifier.score("Welche Nebenwirkungen hat Ibuprofen?").evidence
    assert evidence
    assert {item.category for item in evidence} == {"medical"}
    assert any("nebenwirkungen" in item.feature for item in evidence)


def test_a_classifier_without_custom_categories_knows_none(classifier: LocalClassifier) -> None:
    plain = classifier.with_custom([])
    assert set(plain.score("symptoms of flu").probabilities) == {
        "code",
        "reasoning",
        "conversation",
    }


def test_a_category_of_one_word_that_no_topic_knows_matches_that_word() -> None:
    chess = LocalClassifier.load().with_custom([CustomCategory("chess", "", ("chess",), ())])
    assert winner(chess.score("chess openings for beginners")) == "chess"
    assert winner(chess.score("good morning")) == "conversation"


@pytest.mark.parametrize("keyword", ["", " ", "?", "\ud800", "a", "日", "x" * 5000])
def test_odd_keywords_do_no_harm(keyword: str) -> None:
    odd = LocalClassifier.load().with_custom(
        [CustomCategory("odd", keyword, (keyword,), (keyword,))]
    )
    assert sum(odd.score("hello there").probabilities.values()) == pytest.approx(1)
