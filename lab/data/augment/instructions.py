"""What a model is asked to do with a message, with worked examples: small models do as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.methods.prompt import Messages


@dataclass(frozen=True, slots=True)
class Instruction:
    """A task for the model: its role, what is asked of it, and examples (message, answer)."""

    role: str
    task: str
    examples: tuple[tuple[str, str], ...]

    def prompt(self, text: str) -> Messages:
        """The prompt that asks for this to be done with `text`."""
        messages = [{"role": "system", "content": self.role}]
        for message, answer in self.examples:
            messages += [self._asked(message), {"role": "assistant", "content": f'"{answer}"'}]
        return [*messages, self._asked(text)]

    def _asked(self, text: str) -> dict[str, str]:
        # In quotes, or a small model takes it for something that it is to answer.
        return {"role": "user", "content": f'{self.task}: "{text}"'}


# ---------------------------------------------------------------- paraphrase

# What the last example says slips into answers; of this one the number would be noticed.
_SAID = (
    "A little quieter, I have a headache.",
    "Good evening! Put the heating on 23 and play some music.",
    "What is the heating set to?",
    "Set the bedroom lamp to 35 percent, please.",
)
_MANNERS: Mapping[str, tuple[str, ...]] = {
    "more casually": (
        "Hey, a little quieter, I've got a headache.",
        "Evening! Just put the heating on 23 and play some music, okay?",
        "So what is the heating set to?",
        "Hey, set the bedroom lamp to 35 percent, will you?",
    ),
    "more politely": (
        "A little quieter, if you please, I have a headache.",
        "Good evening! Would you please put the heating on 23 and play some music?",
        "May I ask what the heating is set to?",
        "Would you kindly set the bedroom lamp to 35 percent?",
    ),
    "as a wish": (
        "I'd like it a little quieter, I have a headache.",
        "Good evening! I'd like the heating on 23 and some music.",
        "I'd like to know what the heating is set to.",
        "I'd like the bedroom lamp at 35 percent, please.",
    ),
    "as a question": (
        "Could it be a little quieter? I have a headache.",
        "Good evening! Could I have the heating on 23 and some music?",
        "Could you tell me what the heating is set to?",
        "Could you set the bedroom lamp to 35 percent, please?",
    ),
    "in fewer words": (
        "A little quieter.",
        "The heating on 23 and some music.",
        "What's the heating set to?",
        "Bedroom lamp to 35 percent.",
    ),
    "in another order": (
        "I have a headache, so a little quieter.",
        "Good evening! Play some music and put the heating on 23.",
        "The heating, what is it set to?",
        "Please, the bedroom lamp, set it to 35 percent.",
    ),
}


def _manner(manner: str, answers: tuple[str, ...]) -> Instruction:
    role = "You are a writing assistant. You rewrite sentences."
    return Instruction(role, f"Rewrite this sentence {manner}", tuple(zip(_SAID, answers, strict=True)))


PARAPHRASES = [[_manner(manner, answers)] for manner, answers in _MANNERS.items()]
"""Ways to say a thing otherwise."""

# ---------------------------------------------------------------- back-translation

_ENGLISH = (
    "Set the bedroom lamp to 35 percent, please.",
    "I'm freezing, put the heating on 23.",
    "Thanks, that's all for tonight.",
    "A little louder, and turn the telly off.",
)
_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "French": (
        "Mets la lampe de la chambre à 35 pour cent, s'il te plaît.",
        "J'ai très froid, mets le chauffage sur 23.",
        "Merci, c'est tout pour ce soir.",
        "Un peu plus fort, et éteins la télé.",
    ),
    "German": (
        "Stell die Lampe im Schlafzimmer bitte auf 35 Prozent.",
        "Mir ist eiskalt, stell die Heizung auf 23.",
        "Danke, das ist alles für heute Abend.",
        "Etwas lauter, und mach den Fernseher aus.",
    ),
    "Spanish": (
        "Pon la lámpara del dormitorio al 35 por ciento, por favor.",
        "Estoy helado, pon la calefacción a 23.",
        "Gracias, eso es todo por esta noche.",
        "Un poco más alto, y apaga la tele.",
    ),
    "Italian": (
        "Metti la lampada della camera al 35 per cento, per favore.",
        "Sto gelando, metti il riscaldamento a 23.",
        "Grazie, è tutto per stasera.",
        "Un po' più forte, e spegni la tele.",
    ),
    "Portuguese": (
        "Põe o candeeiro do quarto a 35 por cento, por favor.",
        "Estou gelado, põe o aquecimento a 23.",
        "Obrigado, é tudo por esta noite.",
        "Um pouco mais alto, e desliga a televisão.",
    ),
    "Dutch": (
        "Zet de lamp in de slaapkamer op 35 procent, alsjeblieft.",
        "Ik heb het ijskoud, zet de verwarming op 23.",
        "Bedankt, dat is alles voor vanavond.",
        "Iets harder, en zet de tv uit.",
    ),
}


def _there_and_back(language: str, foreign: tuple[str, ...]) -> list[Instruction]:
    def translation(to: str, messages: tuple[str, ...], answers: tuple[str, ...]) -> Instruction:
        role = "You are a translator. You translate sentences."
        return Instruction(role, f"Translate this sentence into {to}", tuple(zip(messages, answers, strict=True)))

    return [translation(language, _ENGLISH, foreign), translation("English", foreign, _ENGLISH)]


BACK_TRANSLATIONS = [_there_and_back(language, foreign) for language, foreign in _LANGUAGES.items()]
"""Into another language and back."""
