"""Choosing: the persona, the methods, the situation, and which column is in sight."""

from __future__ import annotations

from textual import work

from lab.tui.chat.base import MOST_METHODS, ChatPart
from lab.tui.screens.choices import pick_person
from lab.tui.screens.columns import MethodsScreen
from lab.tui.screens.context import ContextScreen
from lab.tui.widgets.transcript import columns_in


class Choosing(ChatPart):
    """Who talks with whom, and where."""

    @work(exclusive=True, group="choose")
    async def action_persona(self) -> None:
        """Choose who to be."""
        if self.view is None or not self.view.people:
            return
        chosen = await pick_person(self.app, self.view.people, self.person)
        if chosen is not None:
            self.meet(chosen)
            self.draw()

    @work(exclusive=True, group="choose")
    async def action_methods(self) -> None:
        """Choose one to three methods, from left to right in the order they are marked."""
        if self.view is None or not self.view.ready:
            return
        chosen = await self.app.push_screen_wait(MethodsScreen(self.view.ready, self.methods, MOST_METHODS))
        if chosen is not None:
            self.methods, self.turned = chosen, 0
            self.draw()

    @work(exclusive=True, group="choose")
    async def action_context(self) -> None:
        """Edit the context of what is said next."""
        if self.replay is not None:
            self.bar.say("a replayed dialogue has its own context; r leaves it")
            return
        known = self.view.known if self.view else {}
        changed = await self.app.push_screen_wait(ContextScreen(self.situation, known))
        if changed is not None:
            self.situation = dict(changed)
            self.draw()

    @property
    def turns(self) -> bool:
        """Whether there are columns that do not fit."""
        return len(self.methods) > columns_in(self.size.width)

    def action_turn(self, by: int) -> None:
        """Bring the next column in sight."""
        self.turned = (self.turned + by) % len(self.methods)
        self.draw()

    def action_details(self) -> None:
        """Show all that the models were told, or its beginning only."""
        self.details = not self.details
        self.draw()
