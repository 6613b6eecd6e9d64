"""Threads of questions and answers: votes, acceptance, comments, what is no thread."""

from __future__ import annotations

from cc_math.html import Document, extract

WORDS = "These are words of a post that explain something at length. " * 4
STACK_EXCHANGE = f"""
<header><h1 itemprop="name">How many
 primes?</h1></header>
<div id="mainbar" itemprop="mainEntity" itemscope itemtype="https://schema.org/Question">
 <div class="question" id="question" data-questionid="1">
  <div class="js-vote-count" itemprop="upvoteCount" data-value="7">7</div>
  <div class="js-post-body" itemprop="text"><p>Asked. {WORDS}</p></div>
  <div class="comments js-comments-container"><p>A remark by somebody.</p></div>
 </div>
 <div id="answers"><div id="answers-header"><h2>2 Answers</h2></div>
  <div class="answer accepted-answer" data-answerid="3" itemprop="acceptedAnswer" itemscope
   itemtype="https://schema.org/Answer"><div itemprop="upvoteCount">12</div>
   <div itemprop="text"><p>First. {WORDS}</p></div>
   <div itemprop="comment" itemscope itemtype="https://schema.org/Comment">
    <div itemprop="text">Thanks!</div></div></div>
  <div class="answer" data-answerid="4" itemprop="suggestedAnswer" itemscope
   itemtype="https://schema.org/Answer"><div itemprop="upvoteCount">-1</div>
   <div itemprop="text"><p>Second. {WORDS}</p></div></div>
 </div>
</div>"""


def text_of(body: str) -> str:
    result = extract(f"<html><head><title>T</title></head><body>{body}</body></html>".encode())
    assert isinstance(result, Document), result
    return result.text


def test_posts_carry_votes_and_acceptance() -> None:
    blocks = [block[:12] for block in text_of(STACK_EXCHANGE).split("\n\n")]
    assert blocks == [
        "# How many p", "▲ 7", "Asked. These", "## 2 Answers",
        "---", "▲ 12 ✓", "First. These", "---", "▲ -1", "Second. Thes",
    ]  # fmt: skip


def test_comments_under_posts_are_left_out() -> None:
    text = text_of(STACK_EXCHANGE)
    assert "remark" not in text and "Thanks" not in text


def test_no_word_is_put_out_that_the_page_does_not_hold() -> None:
    words = text_of(STACK_EXCHANGE).replace("#", " ").replace("▲", " ").replace("✓", " ").split()
    page = STACK_EXCHANGE.replace(">", "> ").replace("<", " <")
    assert all(word == "---" or word in page for word in words)


def test_posts_of_discourse_are_apart() -> None:
    posts = "".join(
        f"<div id='post_{n}' class='topic-body crawler-post'><div class='post'><p>Post {n}. {WORDS}"
        "</p></div></div>"
        for n in (1, 2)
    )
    text = text_of(f"<h1>Title</h1>{posts}")
    places = [text.index(piece) for piece in ("# Title", "Post 1", "\n---\n", "Post 2")]
    assert places == sorted(places)


def test_a_list_of_questions_is_no_thread() -> None:
    question = f"<div itemscope itemtype='https://schema.org/Question'><p itemprop=text>{WORDS}</p>"
    text = text_of(f"<main>{question}</div>{question}</div></main>")
    assert "---" not in text and text.count(WORDS.strip()) == 2
