"""The groups of a training job: who is in each, what it reads, and what it stands on and begins with."""

from __future__ import annotations

from lab.errors import LabError
from lab.methods.declare import Constrain, Lora, Multitask
from lab.methods.labels import Labels
from lab.methods.shard import in_shard
from lab.models.base import BaseModel
from lab.models.heads import HeadConfig, HeadsConfig
from lab.models.lora import Adapter, LoraConfig, named_targets
from lab.models.training import GroupData, LearnedConfig, Leash
from lab.models.users import UserConfig
from lab.models.virtual import VirtualConfig
from lab.tasks.adapters import as_one
from lab.tasks.augment import read_augmented
from lab.tasks.cluster import read_clusters
from lab.tasks.context import JobContext
from lab.tasks.examples import Reader
from lab.tasks.material import material
from lab.tasks.meta_start import read_start
from lab.tasks.prompting import Prompter
from lab.tasks.recipes import begun, book_under, with_prompt
from lab.tasks.train_shelf import EVERYONE


class GroupsOf:
    """What a job's spec and inputs say of its groups.

    `members` are the personas of each group, `recipes` what each persona's recipe adds the learned to. A shard has some
    of the groups; whatever is learned about all personas, such as the labels of heads, is the same for every shard.
    """

    def __init__(self, context: JobContext, base: BaseModel) -> None:
        self._context, self._base = context, base
        self._given = material(context)
        self.members = self._members()
        self._under = book_under(context)
        begins = {persona: begun(context, self._under, persona) for persona in self._given.personas}
        self.recipes = {p: with_prompt(context, self._given, p, recipe) for p, recipe in begins.items()}
        self._labels = self._labels_of_turns()

    def all(self) -> list[GroupData]:
        """The groups, read."""
        with self._context.noting("reading dialogues"):
            return self._read()

    def _read(self) -> list[GroupData]:
        context = self._context
        start, made = context.input("start"), context.input("augmented")
        reader = Reader(
            self._base,
            self._given,
            Prompter(context, self._given),
            self.recipes,
            context.spec["training"]["max_length"],
            read_augmented(made) if made else {},
            self._labels,
            virtual=context.spec.get("tokens", 0),
        )
        first = read_start(start) if start else None
        constrain = Constrain(**context.spec.get("constrain", {}))
        return [
            GroupData(
                name,
                reader.examples(personas, "train"),
                reader.examples(personas, "val"),
                under=self._stands_on(personas),
                start=first,
                leash=Leash(constrain.pull, constrain.distil),
            )
            for name, personas in self.members.items()
        ]

    def learned(self) -> LearnedConfig:
        """What each group learns."""
        spec = self._context.spec
        if spec["parameters"] in ("soft-prompt", "prefix"):
            return VirtualConfig(spec["parameters"], spec["tokens"])
        declared = Lora(**spec["lora"])
        targets = named_targets(self._base.model, declared.targets)
        lora = LoraConfig(declared.rank, declared.alpha, declared.dropout, targets)
        if spec["parameters"] == "user-embedding":
            return UserConfig(lora, max(map(len, self.members.values())), spec["tokens"])
        return HeadsConfig(lora, self._heads(self._labels)) if self._labels else lora

    def _members(self) -> dict[str, list[str]]:
        share, personas = self._context.spec["share"], self._given.personas
        if share == "everyone":
            return {EVERYONE: personas}
        if share == "cluster":
            found = read_clusters(self._context.needed("clusters")).members()
            return {f"cluster {number}": personas for number, personas in found.items()}
        return {persona: [persona] for persona in in_shard(personas, self._context.spec)}

    def _labels_of_turns(self) -> Labels | None:
        if "multitask" not in self._context.spec:
            return None
        personas = self._given.personas
        return Labels(personas, (one for persona in personas for one in self._given.dialogues(persona, "train")))

    def _heads(self, labels: Labels) -> tuple[HeadConfig, ...]:
        """A head for whatever the dialogues tell, even at weight 0: the labels' columns are its places."""
        weight = Multitask(**self._context.spec["multitask"])
        heads = [HeadConfig("class", len(labels.personas), weight.persona)]
        if labels.devices:
            heads.append(HeadConfig("flags", len(labels.devices), weight.devices))
        if labels.numbers:
            heads.append(HeadConfig("values", len(labels.numbers), weight.numbers))
        return tuple(heads)

    def _stands_on(self, personas: list[str]) -> Adapter | None:
        """What the group's personas are served by already, as one adapter; it must be the same for all of them."""
        if not self._under:
            return None
        stacks = {self._under[persona].adapters for persona in personas}
        if len(stacks) > 1:
            raise LabError("the personas of a group stand on different adapters; let each have a group of its own.")
        (stack,) = stacks
        return as_one(self._context, stack)
