"""What tools that answer questions share: a question has words."""

from .errors import WrongArgument


def check_question(question: str, hint: str = 'ask something, like "what colour is the star"') -> None:
    """Raise ``WrongArgument``, with what to do as its hint, for a question without a letter or a digit."""
    if not any(letter.isalnum() for letter in question):
        raise WrongArgument("nothing is asked: the question has no words", hint=hint, field="question")
