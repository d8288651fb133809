"""The data card: where the training rows come from, and what stays out."""

DATA_CARD = """
## Data card

**What is trained.** A softmax regression over hashed words, pairs, stems and character n-grams,
marks of structure, and the concepts of a multilingual lexicon. Each row is shown twice, once
without its words, so that marks and concepts carry languages with few examples. Weights are
rounded to one byte.

**Rows given** (their text is not in this repository; development rows count 1, weakly labelled
rows 0.3, rows with more than one acceptable category 0.4, later turns of a conversation half of
that):

{sources}

**Rows made for this project**: {made} short prompts in some thirty languages, written by hand and
by rule from a list of everyday situations (`training/rows/`), under this project's licence. They
were written with the development rows' mistakes in view, as were the lexicon's words: held-out
figures are a little kinder than those of a source nobody has looked at.

**Left out of training**: all rows under a share-alike licence ({left_out}), so that their
conditions cannot pass on to the weights; follow-ups whose category follows from the conversation
alone; and whatever the data's own notes reserve for acceptance. Left-out rows of the development
set are still scored.

**The lexicon and the topic packs** (`llmrouter/policy/classifier/words/`) were written for this
project; no word list was copied.

**Limits.** The labels of natural prompts hold 1 to 2 % noise. Languages outside the lexicon are
judged by marks and borrowed words only, with low confidence. The classifier does not read
pictures or files.
"""
