"""Samples counted by what a measure asks of their grades; the query is the one that is shown.

Promises: every sample of a run is counted once, with what became of it: it counts, or it is left
out for one reason that has a name. The reasons are looked at in this order: a server refused the
draw, it has no expected answer to be compared with, another judge says that the measure is not
about it (`given`), that judge has no verdict, the measured judge has none, its label is left out on
purpose, its verdict is missing (with the cause).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from store.queries import BY_BROKEN_RULE, MADE, Count, few_runs_at_a_time, sparing

COUNTED, REFUSED, UNGRADED = "counted", "refused", "ungraded"
NOT_GIVEN, GIVEN_UNKNOWN, EXCLUDED = "not given", "given unknown", "excluded"
NO_ANSWER = "no answer"
MISSING = "missing: "  # and the cause
UNPARSED, NO_NUMBER = "unparsed", "no number"
BOUNDS = {"below": "<", "above": ">", "at_least": ">=", "at_most": "<="}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Whose verdicts are meant.

    Attributes:
        rubric: Only those of this hash; whatever counts where None.
    """

    judge: str
    grader: str
    rubric: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a verdict must be: one of these labels, or a number within all bounds.

    Attributes:
        bounds: Such as ("below", 30.0), by the words of `BOUNDS`.
    """

    verdicts: Verdicts
    labels: tuple[str, ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a measure asks of the grades.

    Attributes:
        hit: Which verdicts are hits; without labels and bounds the numbers are averaged.
        given: What must hold for a sample to count.
        exclude: Labels that are left out.
        unclear: The label that is counted beside.
        questions: Only these; all when None.
        unanswered: Questions in variants for which no answer is expected.
    """

    hit: Condition
    given: tuple[Condition, ...] = ()
    exclude: tuple[str, ...] = ()
    unclear: str = "unclear"
    questions: tuple[str, ...] | None = None
    unanswered: tuple[tuple[str, str], ...] = ()

    @property
    def of_numbers(self) -> bool:
        """Whether a verdict without a number cannot count."""
        return not self.hit.labels


@dataclass(frozen=True, slots=True)
class Tally:
    """The samples of one run, checkpoint, question and variant of which one thing became.

    Attributes:
        fate: `counted`, or why they are left out.
        hits: Of these, those that the measure is about.
        unclear: Of these, those with the label for unclear ones.
        broken: Of these, those that the broken-answer rule found broken.
        broken_hits: Of the broken, the hits.
        total: Sum of their numbers; of a share, the hits.
        squares: Sum of the squares.
        broken_total: Sum of the numbers of the broken.
        broken_squares: Sum of their squares.
        prompt_id: Which prompt, where prompts are told apart.
    """

    experiment: str
    model: str
    arm: str
    role: str
    seed: int
    run_id: str
    step: int
    question: str
    variant: str
    prompt_id: str
    fate: str
    n: int
    hits: int
    unclear: int
    broken: int
    broken_hits: int
    total: float
    squares: float
    broken_total: float
    broken_squares: float


def tallies_of(counts: list[Count], label: str, unclear: str) -> list[Tally]:
    """Counted labels as what became of the samples when one label's share is meant."""
    return [tally for row in counts for tally in _of_label(row, label, unclear)]


def _of_label(row: Count, label: str, unclear: str) -> Iterator[Tally]:
    at = (row.experiment, row.model, row.arm, row.role, row.seed, row.run_id, row.step)
    of = (*at, row.question, row.variant, "")
    if row.refused:
        yield Tally(*of, REFUSED, row.refused, 0, 0, 0, 0, 0, 0, 0, 0)
    if row.label is None:
        if row.n > row.refused:
            yield Tally(*of, UNGRADED, row.n - row.refused, 0, 0, 0, 0, 0, 0, 0, 0)
        return
    hits, broken_hits = (row.n, row.broken) if row.label == label else (0, 0)
    counts = (hits, row.n if row.label == unclear else 0, row.broken, broken_hits)
    yield Tally(*of, COUNTED, row.n, *counts, hits, hits, broken_hits, broken_hits)


def tallies(
    con: duckdb.DuckDBPyConnection, experiment: str, asked: Asked, *, by_prompt: bool = False
) -> list[Tally]:
    """What became of the samples of every run, checkpoint, question and variant (and prompt)."""
    listed: list[Tally] = []
    for runs in few_runs_at_a_time(con, experiment):
        within = f"run_id in ({', '.join(map(text, runs))})"
        listed += [Tally(*row) for row in sparing(con.execute(query(asked, within, by_prompt)))]
    return listed


def query_of(experiment: str, asked: Asked) -> str:
    """The query behind a measure, ready to be run again."""
    of_runs = f"run_id in (select run_id from samples where experiment = {text(experiment)})"
    return query(asked, of_runs)


def query(asked: Asked, within: str, by_prompt: bool = False) -> str:
    """The query of a measure over the samples and grades for which `within` holds."""
    return f"""\
with judged as (
{judged_samples(asked, within, by_prompt)}
)
select experiment, model, arm, role, seed, run_id, step, question, variant, prompt_id, fate,
       count(*) as n, count(*) filter (hit) as hits,
       count(*) filter (label = {text(asked.unclear)}) as unclear,
       count(*) filter (broken) as broken, count(*) filter (broken and hit) as broken_hits,
       coalesce(sum(value), 0)::double as total,
       coalesce(sum(value * value), 0)::double as squares,
       coalesce(sum(value) filter (broken), 0)::double as broken_total,
       coalesce(sum(value * value) filter (broken), 0)::double as broken_squares
from judged
group by all
order by all"""


def judged_samples(asked: Asked, within: str, by_prompt: bool = False) -> str:
    """SQL for what becomes of each sample for which `within` holds."""
    givens = [(f"g{place}", item) for place, item in enumerate(asked.given, 1)]
    hit = _holds("m", asked.hit) if asked.hit.labels or asked.hit.bounds else "false"
    is_mean = not (asked.hit.labels or asked.hit.bounds)
    value = "m.number" if is_mean else f"{hit}::int"
    prompt = "s.prompt_id" if by_prompt else "''"
    questions = ""
    if asked.questions is not None:
        questions = f"\n      and s.question in ({', '.join(map(text, asked.questions))})"
    joins = "".join(
        f"\n    left join (\n        {relation(item.verdicts, within)}\n    ) {name} "
        "using (sample_id)"
        for name, item in (("m", asked.hit), *givens)
    )
    return f"""\
    select s.sample_id, s.experiment, s.model, s.arm, s.role, s.seed, s.run_id, s.step,
           s.question, s.variant,
           {prompt} as prompt_id,
{_fate(asked, givens)},
           {hit} as hit, {value} as value, m.label, b.label = 'broken' as broken
    from (from samples where {within}) s{joins}
    left join (
        select sample_id, label from grades where {BY_BROKEN_RULE} and {within}
    ) b using (sample_id)
    where true{questions}"""


@dataclass(frozen=True, slots=True)
class Both:
    """The samples of one arm that count by two judges, by what each says: a hit or not."""

    model: str
    arm: str
    both: int
    only_one: int
    only_other: int
    neither: int


def both(con: duckdb.DuckDBPyConnection, experiment: str, one: Asked, other: Asked) -> list[Both]:
    """How two judges agree on hits, by arm, over the last step of each run."""
    by_arm: dict[tuple[str, str], list[int]] = {}
    for runs in few_runs_at_a_time(con, experiment):
        within = f"run_id in ({', '.join(map(text, runs))})"
        rows = con.execute(f"""\
with one as (
{judged_samples(one, within)}
), other as (
{judged_samples(other, within)}
)
select one.model, one.arm,
       count(*) filter (one.hit and other.hit), count(*) filter (one.hit and not other.hit),
       count(*) filter (other.hit and not one.hit), count(*) filter (not one.hit and not other.hit)
from one join other using (sample_id)
where one.fate = '{COUNTED}' and other.fate = '{COUNTED}'
  and one.step = (select max(step) from samples where run_id = one.run_id)
group by all""").fetchall()
        for model, arm, *counts in rows:
            known = by_arm.setdefault((model, arm), [0] * 4)
            by_arm[(model, arm)] = [a + b for a, b in zip(known, counts, strict=True)]
    return [Both(*arm, *counts) for arm, counts in sorted(by_arm.items())]


def relation(verdicts: Verdicts, within: str) -> str:
    """SQL for sample_id, label, number and cause of one grader's verdicts."""
    of = f"judge = {text(verdicts.judge)} and grader = {text(verdicts.grader)} and {within}"
    columns = (
        "select sample_id, label, number, case when label is null and number is null "
        "then json_extract_string(signals, '$.cause') end as cause"
    )
    if verdicts.rubric is None:
        return f"{columns}\n        from grades where {of}"
    # A newer rubric that has not judged everything yet takes nothing from this one.
    return (
        f"{columns}\n        from grades_all where {of} and rubric = {text(verdicts.rubric)}\n"
        "          and retracts is null and repeat_of is null and grade_id not in\n"
        "              (select retracts from grades_all where retracts is not null)\n"
        "        qualify row_number() over\n"
        "            (partition by sample_id order by created_at desc, grade_id desc) = 1"
    )


def _fate(asked: Asked, givens: list[tuple[str, Condition]]) -> str:
    """SQL for what becomes of a sample."""
    cases = [f"when not ({MADE}) then '{REFUSED}'"]
    if asked.unanswered:
        pairs = ", ".join(f"({text(q)}, {text(v)})" for q, v in asked.unanswered)
        cases.append(f"when (s.question, s.variant) in ({pairs}) then '{NO_ANSWER}'")
    if givens:
        fails = [f"({_known(name)} and not {_holds(name, item)})" for name, item in givens]
        unknown = [f"not {_known(name)}" for name, _ in givens]
        cases += [
            f"when {' or '.join(fails)} then '{NOT_GIVEN}'",
            f"when {' or '.join(unknown)} then '{GIVEN_UNKNOWN}'",
        ]
    cases.append(f"when m.sample_id is null then '{UNGRADED}'")
    if asked.exclude:
        cases.append(f"when m.label in ({', '.join(map(text, asked.exclude))}) then '{EXCLUDED}'")
    lacks = "m.number is null" if asked.of_numbers else f"not {_known('m')}"
    otherwise = f"if(m.label is null, '{UNPARSED}', '{NO_NUMBER}')"
    cases.append(f"when {lacks} then '{MISSING}' || coalesce(m.cause, {otherwise})")
    lines = "\n                ".join([*cases, f"else '{COUNTED}'"])
    return f"           case {lines}\n           end as fate"


def _known(name: str) -> str:
    """Whether a judge has said anything: a label or a number."""
    return f"({name}.label is not null or {name}.number is not null)"


def _holds(name: str, condition: Condition) -> str:
    """Whether a verdict is as it must be; never null."""
    if condition.labels:
        return f"coalesce({name}.label in ({', '.join(map(text, condition.labels))}), false)"
    bounds = [f"{name}.number {BOUNDS[word]} {value!r}" for word, value in condition.bounds]
    return f"coalesce({' and '.join(bounds)}, false)"


def text(value: str) -> str:
    """A text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Judged:
    """How much one grader has judged by one rubric.

    Attributes:
        arms: (model, arm) of the samples.
        samples: How many.
        newest: When the last verdict came, as a text that sorts.
    """

    judge: str
    grader: str
    rubric: str
    arms: frozenset[tuple[str, str]]
    samples: int
    newest: str


JUDGED = """\
select judge, grader, rubric, list(distinct (model, arm)), sum(n)::bigint, max(newest)::varchar
from (
    select judge, grader, rubric, run_id, count(*) as n, max(created_at) as newest
    from grades_all where judge in (select unnest($judges)) and retracts is null
    and repeat_of is null group by all
) join (
    select distinct run_id, model, arm from samples where experiment = $experiment
) using (run_id)
group by all
order by all"""


def judged(con: duckdb.DuckDBPyConnection, experiment: str, judges: list[str]) -> list[Judged]:
    """What each grader has judged of an experiment by each of its rubrics."""
    rows = con.execute(JUDGED, {"judges": judges, "experiment": experiment}).fetchall()
    return [
        Judged(judge, grader, rubric, frozenset(tuple(arm) for arm in arms), n, newest)
        for judge, grader, rubric, arms, n, newest in rows
    ]


COPIES = """\
select list(run_id order by run_id), any_value(n)
from (
    select run_id, step, count(*) as n,
           bit_xor(hash(concat_ws('/', prompt_id, draw, completion))) as texts
    from samples where experiment = ? group by all
)
group by texts, n having count(distinct run_id) > 1
order by all"""


def copies(con: duckdb.DuckDBPyConnection, experiment: str) -> list[tuple[list[str], int]]:
    """Runs with the same text for every prompt and draw, and how many samples that is."""
    rows = con.execute(COPIES, [experiment]).fetchall()
    return [(list(runs), n) for runs, n in rows]
