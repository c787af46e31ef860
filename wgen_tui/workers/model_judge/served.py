"""The worker of judges that a server has: asks an endpoint for every verdict that is missing.

Promises: a reply that is on disk is never asked for again, and verdicts reach the disk every few
seconds, so that whatever ends the work (a cancel, a dead server, the budget, another model behind
the same name), what was answered is kept. A prompt that the server refuses is one verdict that is
missing, with its cause. Imports no torch.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from wgen_tui.protocol.judging import Panel
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.run_files.inventory import read_columns
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking, VerdictWriter
from wgen_tui.run_files.verdicts import missing_verdicts
from wgen_tui.terminal_text import are, plural
from wgen_tui.workers.endpoint.at_once import at_once
from wgen_tui.workers.endpoint.openai_client import Client, PromptRefused, engine
from wgen_tui.workers.endpoint.openai_response import next_token
from wgen_tui.workers.endpoint.usage import Usage, by_count
from wgen_tui.workers.model_judge.answered_by import AnsweredBy
from wgen_tui.workers.model_judge.budget import Budget, BudgetReached
from wgen_tui.workers.model_judge.judge_requests import read_reply
from wgen_tui.workers.model_judge.ledger import Ledger
from wgen_tui.workers.model_judge.progress import JudgedRun
from wgen_tui.workers.model_judge.served_judge import ServedJudge
from wgen_tui.workers.model_judge.server_answers import Answered, JudgeServer
from wgen_tui.workers.runtime import Worker, WorkerError, launch_worker

LONGEST_REASON = 500


class PanelAtServer:
    """Asks the judges of one launch.

    Attributes:
        client: Asks their server; open while anything is asked.
        ended: Why no further run can be judged; None while one can.
    """

    def __init__(self, worker: Worker, panel: Panel, endpoint: Endpoint) -> None:
        """Take what earlier launches have.

        Raises:
            WorkerError: there is a budget, and nothing to count it by.
        """
        spec = worker.spec
        self.client = Client(endpoint, on_trouble=self._on_trouble)
        self.ended: WorkerError | None = None
        self._worker = worker
        self._endpoint = endpoint
        self._panel = panel
        self._run_id = ""
        self._writer = VerdictWriter(
            worker.home, spec.experiment, spec.launch_id, spec.run_ids, panel
        )
        budget = Budget(endpoint, panel.budget, _ledger(worker, panel))
        answered_by = AnsweredBy(panel.judges[0].model.location)
        self._server = JudgeServer(self.client, endpoint, budget, answered_by)
        self._failures = 0
        self._judges: dict[str, ServedJudge] = {}
        for asked in panel.judges:
            kept = self._writer.kept(asked.asker)
            self._judges.setdefault(asked.asker, ServedJudge(endpoint, asked, kept))
            answered_by.expect(asked.asker, kept.answered_as)

    async def judge(self, run_id: str) -> None:
        """Ask for every verdict that a run lacks.

        Raises:
            WorkerError: the server refuses a judge, or no longer answers; the budget is reached.
            Cancelled: somebody asked for it.
        """
        self._run_id = run_id
        self._server.usage = Usage(self._endpoint)
        try:
            with JudgedRun(self._worker, self._writer, run_id) as self._run:
                try:
                    await self._ask_judges(self._run.askings)
                except PromptRefused:  # another run may have other judges
                    raise
                except WorkerError as error:
                    self.ended = error
                    raise
        except BudgetReached as error:
            self.ended = error.with_missing(self._missing())
            raise self.ended from None
        finally:
            self._tell_the_end()

    async def _ask_judges(self, askings: list[Asking]) -> None:
        """Ask one judge after the other.

        Raises:
            PromptRefused: the server refuses one of them altogether; the others had their turn.
        """
        missing: dict[str, list[Asking]] = {}
        for asking in askings:
            missing.setdefault(asking.verdicts[0].by.asker, []).append(asking)
        refused: PromptRefused | None = None
        for asker, mine in missing.items():
            judge = self._judges[asker]
            try:
                if judge.refused is not None:
                    raise judge.refused
                await self._ask_judge(judge, mine)
            except PromptRefused as error:
                refused = judge.refused = error
        if refused is not None:
            raise refused

    async def _ask_judge(self, judge: ServedJudge, askings: list[Asking]) -> None:
        rest = iter(askings)
        missing = [*await self._decide(judge, rest), *rest]
        while True:
            await self._round(judge, missing, lambda answered: self._keep(judge, answered))
            missing = judge.refusals.to_ask()
            if not missing:
                return

    async def _decide(self, judge: ServedJudge, askings: Iterator[Asking]) -> list[Asking]:
        """Find out how a judge is read here, by its first answers.

        Returns:
            What is to be asked in another way.
        """
        came: list[Answered] = []
        number = 1  # as a rule, one tells
        while judge.how.decided is None and (batch := list(islice(askings, number))):
            await self._round(judge, batch, came.append)
            for answered in came:
                judge.how.see(next_token(answered.completion), answered.answer.text)
            number = self._endpoint.concurrency
        judge.check()
        if judge.how.why and not judge.told:
            judge.told = True
            self._note(
                f"judge {judge.asked.judge.name} is read from what it says (read: sampled), not "
                f"from probabilities: {judge.how.why}"
            )
        again = []
        for answered in came:
            if answered.request.by_probability == (judge.how.decided is not False):
                self._keep(judge, answered)
            else:
                again.append(answered.asking)
        return again

    async def _round(
        self, judge: ServedJudge, askings: list[Asking], keep: Callable[[Answered], None]
    ) -> None:
        """Ask for all of these, several at once; the first that fails ends the others."""
        shared = iter(askings)  # each goes to one task

        async def ask_some() -> None:
            for asking in shared:
                if judge.refusals.postpones(asking):
                    continue
                try:
                    answered = await self._ask(judge, asking)
                except PromptRefused as error:
                    judge.refusals.add(asking, error)
                else:
                    judge.refusals.answered = True
                    keep(answered)
                for refused, why in judge.refusals.to_record():
                    self._keep_refused(refused, why)

        number = min(len(askings), self._endpoint.concurrency)
        if number:
            await at_once(number, ask_some, self._run.poll)

    async def _ask(self, judge: ServedJudge, asking: Asking) -> Answered:
        try:
            return await self._server.send(judge.asked, judge.request(), asking)
        except PromptRefused as error:
            if judge.how.decided is not None:
                raise
            refused = error
        # It may be the log-probabilities that are refused, not the prompt.
        plain = judge.request(by_probability=False)
        answered = await self._server.send(judge.asked, plain, asking)
        if judge.how.decided is None:
            judge.how.refuse(f"asked for log-probabilities, the server refuses ({refused.message})")
        return answered

    def _keep(self, judge: ServedJudge, answered: Answered) -> None:
        said = read_reply(self._endpoint, answered.request, answered.completion, answered.answer)
        reply = replace(said, cost=answered.cost)
        self._run.record(answered.asking, reply, str(self._server.usage))
        judge.check_reply(reply)

    def _keep_refused(self, asking: Asking, why: WorkerError) -> None:
        """Record a verdict that the server does not give, with its words."""
        reply = Reply(failed=why.message[:LONGEST_REASON], engine=engine(self._endpoint))
        self._run.record(asking, reply, str(self._server.usage))

    def _missing(self) -> int:
        """How many verdicts the launch lacks, over all its runs."""
        spec = self._worker.spec
        return sum(missing_verdicts(self._worker.home, spec.run_ids, self._panel).values())

    def _on_trouble(self, what: str) -> None:
        """Tell people of the first failure; the others are for the log."""
        self._failures += 1
        if self._failures == 1:
            self._note(what)
        else:
            print(what, flush=True)

    def _tell_the_end(self) -> None:
        """What a person should know of a run's answers."""
        for note in self._server.notes():
            self._note(note)
        for judge in self._judges.values():
            for reason, number in by_count(judge.refusals.counts):
                were = are(number, "was", "were")
                self._note(f"{plural(number, 'prompt')} {were} refused: {reason}")
            judge.refusals.counts.clear()

    def _note(self, what: str) -> None:
        self._worker.note(what, self._run_id)


def _ledger(worker: Worker, panel: Panel) -> Ledger | None:
    """Where the budget is counted: with the launch that the command made, whoever retries it.

    One that older code made has none: what its verdicts cost is what was spent.
    """
    if panel.budget is None:
        return None
    counted = panel.paid_from or worker.spec.launch_id
    columns = ("verdict_id", "launch_id", "cost")
    before = sum(
        cost or 0.0
        for run_id in worker.spec.run_ids
        for _, launch_id, cost in read_columns(worker.run_paths(run_id).verdicts, columns)
        if launch_id in (counted, worker.spec.launch_id)
    )
    paths = worker.home.launch(counted)
    if not paths.root.is_dir():  # somebody has removed it
        paths = worker.home.launch(worker.spec.launch_id)
    return Ledger(paths.ledger, before)


async def judge_runs(worker: Worker, panel: Panel, endpoint: Endpoint) -> None:
    """Judge every run of a launch.

    Raises:
        WorkerError: what ends the launch, not one judge or run.
    """
    server = PanelAtServer(worker, panel, endpoint)
    async with server.client:
        for run_id in worker.spec.run_ids:
            with worker.run(run_id):
                await server.judge(run_id)
            if server.ended is not None:
                raise server.ended


def judge(worker: Worker) -> None:
    """Judge by a server's model."""
    panel = None if worker.spec.judge is None else worker.spec.judge.panel
    if panel is None or not panel.judges:
        raise WorkerError("The launch names no judges.", title="Empty launch")
    endpoint = panel.judges[0].model.endpoint
    if endpoint is None or any(asked.model.endpoint != endpoint for asked in panel.judges):
        raise WorkerError("The launch's judges are not all at one server.", title="Wrong worker")
    location = panel.judges[0].model.location
    what = f"{location} at {endpoint.base_url}, {endpoint.concurrency} at once"
    worker.emit("ready", message=what)
    print(what, flush=True)
    asyncio.run(judge_runs(worker, panel, endpoint))


if __name__ == "__main__":
    sys.exit(launch_worker("judge", judge))
