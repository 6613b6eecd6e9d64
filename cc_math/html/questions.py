"""Questions and answers: the posts of a page whose mark-up says that it is a thread.

Read are schema.org's microdata (``Question``, ``Answer``), the classes of Stack Exchange's own
template, and the plain pages that Discourse writes for crawlers. In Markdown:

* the title as a first heading, then a line ``▲ 7`` with the question's votes, then the question;
* the page's own heading for the answers (``## 3 Answers``), where it has one;
* before every answer a rule, and a line ``▲ 12 ✓``: its votes, and ``✓`` when it is accepted.

Signs mark what the page says by place and colour; no word is put out that the page does not
hold. The trade: comments under posts are left out, also where they help. Generic forum
software is not read: its class names are shared by blogs and shops.
"""

from __future__ import annotations

from resiliparse.parse.html import DocumentNode, ElementNode

from cc_math.html.items import Item, Items

_QUESTION = '[itemtype$="schema.org/Question"], #question.question'
_ANSWER = '[itemtype$="schema.org/Answer"], .answer[data-answerid]'
_DISCOURSE_POST = ".crawler-post"
_TEXT = '[itemprop="text"], .js-post-body, .post-text, .crawler-post .post'
_VOTES = '[itemprop="upvoteCount"], .js-vote-count, .vote-count-post'
_TITLE = 'h1[itemprop="name"], h1, [itemprop="name"]'
_ACCEPTED = frozenset(("accepted-answer", "acceptedAnswer"))
_COMMENT = '[itemtype$="schema.org/Comment"], .comments, .js-comments-container'
MAX_VOTE_CHARS = 9
"""A longer count is no number. Chosen."""


def mark_posts(document: DocumentNode, items: Items) -> bool:
    """Give the posts of a thread their structure. Changes the tree.

    Returns False, and changes nothing, where the mark-up does not name exactly one question
    and its text (lists of questions, pages that only use the words).
    """
    questions = _outermost(document.query_selector_all(_QUESTION).values())
    if len(questions) == 1:
        posts = [questions[0], *_outermost(document.query_selector_all(_ANSWER).values())]
    elif not questions:
        posts = document.query_selector_all(_DISCOURSE_POST).values()
    else:
        return False
    texts = [_text_of_post(post) for post in posts]
    if not texts or texts[0] is None:
        return False
    title = document.query_selector(_TITLE)
    if title is not None:
        _put_before(document, texts[0], "h1", " ".join((title.text or "").split()))
        title.remove()
    for number, (post, text) in enumerate(zip(posts, texts, strict=True)):
        if text is None:
            continue
        lines = ("---" if number else "", _votes_and_acceptance(post))
        structure = "\n\n".join(line for line in lines if line)
        if structure:
            _put_before(document, text, "p", items.add(Item("mark", structure)))
        for name in ("class", "id"):  # it is content: nothing needs to judge it
            if text.has_attribute(name):
                text.remove_attribute(name)
    for comment in document.query_selector_all(_COMMENT).values():
        comment.remove()
    return True


def _put_before(document: DocumentNode, node: ElementNode, tag: str, text: str) -> None:
    if text:
        element = document.create_element(tag)
        element.text = text
        node.before(element)


def _outermost(nodes: list[ElementNode]) -> list[ElementNode]:
    """Elements that stand in no other of the list, in document order."""
    kept: list[ElementNode] = []
    for node in nodes:
        if not kept or not kept[-1].contains(node):
            kept.append(node)
    return kept


def _text_of_post(post: ElementNode) -> ElementNode | None:
    """The element with a post's own text: no answer's within the question."""
    for node in post.query_selector_all(_TEXT).values():
        owner = node.closest(f"{_ANSWER}, {_COMMENT}, {_DISCOURSE_POST}")
        if owner is None or owner == post:
            return node
    return None


def _votes_and_acceptance(post: ElementNode) -> str:
    """The line of a post's votes and acceptance ('' without both). Takes the votes away."""
    counts = post.query_selector_all(_VOTES).values()
    votes = ((counts[0].text or "").strip() or counts[0].getattr("content") or "") if counts else ""
    parts = []
    if votes and len(votes) <= MAX_VOTE_CHARS and votes.lstrip("-−+").isdecimal():
        parts.append(f"▲ {votes}")
        counts[0].remove()
    names = {*(post.class_name or "").split(), *(post.getattr("itemprop") or "").split()}
    if names & _ACCEPTED:
        parts.append("✓")
    return " ".join(parts)
