"""What a model is asked to do with a message, with worked examples: small models do as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.methods.prompt import Messages


@dataclass(frozen=True, slots=True)
class Instruction:
    """A task for the model: what it is, how each message is put before it, and examples (message, answer)."""

    system: str
    task: str
    examples: tuple[tuple[str, str], ...]

    def prompt(self, text: str) -> Messages:
        """The prompt that asks for this to be done with `text`."""
        messages = [{"role": "system", "content": self.system}]
        for message, answer in self.examples:
            messages += [{"role": "user", "content": self._asked(message)}, {"role": "assistant", "content": answer}]
        return [*messages, {"role": "user", "content": self._asked(text)}]

    def _asked(self, text: str) -> str:
        return f"{self.task}\n{text}"


# ---------------------------------------------------------------- paraphrase

_SAID = (
    "Set the bedroom lamp to 35 percent, please.",
    "I'm freezing, put the heating on 23.",
    "Thanks, that's all for tonight.",
    "No, I meant HDMI 2 on the telly.",
)
_MANNERS: Mapping[str, tuple[str, ...]] = {
    "in other words": (
        "I'd like the lamp in the bedroom at 35 percent, please.",
        "It's so cold in here, make it 23 with the heating.",
        "That will be everything for tonight, thank you.",
        "Sorry, HDMI 2 is what I wanted on the telly.",
    ),
    "in fewer words": (
        "Bedroom lamp at 35 percent.",
        "Freezing. The heating to 23.",
        "Thanks, that's it.",
        "No, telly on HDMI 2.",
    ),
    "more casually": (
        "hey, bedroom lamp to 35 percent, yeah?",
        "brr, gimme 23 on the heating",
        "cheers, we're done for tonight",
        "nah, HDMI 2 on the telly I meant",
    ),
    "more formally": (
        "Would you kindly set the bedroom lamp to 35 percent?",
        "I am rather cold and would like the heating on 23, please.",
        "Thank you very much, that will be all for tonight.",
        "Pardon me, I meant HDMI 2 on the telly.",
    ),
    "as a question": (
        "Could the bedroom lamp go to 35 percent, please?",
        "Can you put the heating on 23? I'm freezing.",
        "Can we leave it at that for tonight? Thanks.",
        "Could you make it HDMI 2 on the telly instead?",
    ),
    "in another order": (
        "Please, 35 percent for the bedroom lamp.",
        "Put the heating on 23, I'm freezing.",
        "For tonight that's all, thanks.",
        "On the telly HDMI 2 is what I meant.",
    ),
}


def _manner(manner: str, answers: tuple[str, ...]) -> Instruction:
    system = (
        f"You rewrite what a person says at home. Say the same {manner}: same person, same wish, same devices, same "
        "numbers. You never answer the person."
    )
    return Instruction(system, f"Say this {manner}:", tuple(zip(_SAID, answers, strict=True)))


PARAPHRASES = [[_manner(manner, answers)] for manner, answers in _MANNERS.items()]
"""For each round, one way to say things otherwise."""

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
        system = f"You translate what a person says at home into {to}. Keep every number."
        return Instruction(system, f"Say this in {to}:", tuple(zip(messages, answers, strict=True)))

    return [translation(language, _ENGLISH, foreign), translation("English", foreign, _ENGLISH)]


BACK_TRANSLATIONS = [_there_and_back(language, foreign) for language, foreign in _LANGUAGES.items()]
"""For each round, into another language and back."""
