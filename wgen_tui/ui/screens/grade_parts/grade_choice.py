"""Which experiment is graded, by which rubric: a key asks."""

from __future__ import annotations

from rich.text import Text

from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.grade_parts.grade_plan import GradePlanning
from wgen_tui.ui.threads import loads

NO_RUBRIC = "No experiment has a rubric.\n\nAdd one to experiment.yaml under rubrics."


class GradeChoice(GradePlanning):
    """The part of Grade that chooses."""

    def begin(self, experiment: str, rubric: str | None) -> None:
        """Grade this experiment by this rubric."""
        raise NotImplementedError

    def action_choose(self) -> None:
        if self.check_writable():
            self._read_choices()

    @loads("choices", then="_choose", opens=True)
    def _read_choices(self) -> list[tuple[str, str]]:
        definitions = services.definitions
        valid = [info for info in services.listing.list_experiments(self.home) if not info.error]
        return [
            (info.slug, rubric.name)
            for info in valid
            for rubric in definitions.load(self.home, info.path).rubrics
        ]

    def _choose(self, choices: list[tuple[str, str]]) -> None:
        if not choices:
            self.show_end(Text(NO_RUBRIC))
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = choices[index][0]
                self.begin(*choices[index])

        names = [f"{slug} · rubric {rubric}" for slug, rubric in choices]
        self.app.push_screen(modals.ChooseModal("Grade which experiment?", names), chosen)
